"""The face-region encoder: landmarks tell the vision tower where on the face each patch is.

    landmarks z (V,F,68,2) ──► region tokens t (V,F·15,E) = MLP_r(own frame)+MLP_all+e_r+face
    patches x (V,N,D)  ──guidance──►  x + γ · Σ_r softmax(q·k/√d − α‖g_p − c_r‖²/s²) W t_r
    region tokens      ──read-out──►  t + Σ_p softmax(q·k/√d − α‖g_p − c_r‖²/s²) W x_p  (V,F,15,E)

g_p is a patch's centre and c_r a region's centroid, both as (x, y) in units of the view; s is the
face's inter-ocular distance; α > 0 is learned per head. Following and correcting Face-LLaVA
(Shaikh et al., 2025): the distance really shifts attention, x and y agree, any number
of faces works.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facellm.core.regions import (
    CHEEK_SHRINK,
    FOREHEAD_LIFT,
    N_POINTS,
    REGION_POINTS,
    REGIONS,
)
from facellm.model.configuration import FaceVisionConfig

# Shapes: V views, F faces a view, R = 15 regions, M = F * R, N = G * G patches, K points a region,
# D tower channels, E region width, H heads, d head size.

MASKED = -1e4  # finite: a row that is masked throughout must not become NaN
MIN_SCALE = 0.02  # of the view; a face seen edge-on has hardly any inter-ocular distance
FARTHEST = -40.0  # e^-40 is nothing to a sum; less gives denormal numbers, which CPUs are slow at
FIRST_SLOPE = 2.0


def region_geometry(points_VFP2: Tensor) -> tuple[Tensor, Tensor]:
    """Centroids (V, F, 15, 2) and inter-ocular distances (V, F), as in `core.regions`."""
    centroids = []
    for region, indices in REGION_POINTS.items():
        base = points_VFP2[..., list(indices), :]
        centre = base.mean(-2)
        if region == "forehead":
            up = points_VFP2[..., [21, 22], :].mean(-2) - points_VFP2[..., 30, :]
            centre = centre + FOREHEAD_LIFT / 2 * up
        # Shrinking the cheek's outline towards its centre leaves the centre where it is.
        centroids.append(centre)
    return torch.stack(centroids, -2), eye_distance(points_VFP2)


def eye_distance(points_VFP2: Tensor) -> Tensor:
    """Inter-ocular distances (V, F), at least `MIN_SCALE`; any axes may stand before the points."""
    eyes = points_VFP2[..., 36:42, :].mean(-2) - points_VFP2[..., 42:48, :].mean(-2)
    return eyes.norm(dim=-1).clamp_min(MIN_SCALE)


def own_frame(points_VFP2: Tensor, scale_VF: Tensor) -> Tensor:
    """Points in the face's own frame: centred, eyes level, inter-ocular distance one."""
    centred = points_VFP2 - points_VFP2.mean(-2, keepdim=True)
    axis = points_VFP2[..., 42:48, :].mean(-2) - points_VFP2[..., 36:42, :].mean(-2)
    cos, sin = (axis / scale_VF.unsqueeze(-1)).unsqueeze(-2).unbind(-1)
    x, y = centred.unbind(-1)
    turned = torch.stack([cos * x + sin * y, cos * y - sin * x], -1)
    return turned / scale_VF[..., None, None]


def into_view(own_XP2: Tensor, points_XP2: Tensor) -> Tensor:
    """Offsets in the own frame of faces with these points, as offsets in the points' units."""
    axis = points_XP2[..., 42:48, :].mean(-2) - points_XP2[..., 36:42, :].mean(-2)
    cos, sin = axis.unsqueeze(-2).unbind(-1)  # scaled by the inter-ocular distance
    x, y = own_XP2.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], -1)


def patch_centres(grid: int, like: Tensor) -> Tensor:
    """Centres (N, 2) of a row-major grid as (x, y) in [0, 1]: x runs fastest, as patches do."""
    steps = (torch.arange(grid, device=like.device, dtype=like.dtype) + 0.5) / grid
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], -1)


class RegionTokens(nn.Module):
    """One token a region a face, from the landmarks alone."""

    def __init__(self, config: FaceVisionConfig) -> None:
        super().__init__()
        widest = max(len(p) for p in REGION_POINTS.values())
        hidden, size = config.region_size // 2, config.region_size
        index = torch.zeros(len(REGIONS), widest, dtype=torch.long)
        mask = torch.zeros(len(REGIONS), widest, 1)
        for row, points in enumerate(REGION_POINTS.values()):
            index[row, : len(points)] = torch.tensor(points)
            mask[row, : len(points)] = 1
        # Saved with the weights: loading builds modules on the meta device, where values are lost.
        self.register_buffer("index", index)
        self.register_buffer("mask", mask)
        # One small MLP a region, run together: the first axis is the region.
        self.weight_in = nn.Parameter(torch.randn(len(REGIONS), 2 * widest, hidden) * 0.1)
        self.bias_in = nn.Parameter(torch.zeros(len(REGIONS), hidden))
        self.weight_out = nn.Parameter(torch.randn(len(REGIONS), hidden, size) * hidden**-0.5)
        self.whole = nn.Sequential(
            nn.Linear(2 * N_POINTS, hidden), nn.GELU(), nn.Linear(hidden, size)
        )
        self.region = nn.Parameter(torch.randn(len(REGIONS), size) * 0.5)
        self.face = nn.Parameter(torch.randn(config.max_faces, size) * 0.5)

    def forward(self, points_VFP2: Tensor, scale_VF: Tensor, slots_VF: Tensor) -> Tensor:
        """Tokens (V, F, 15, E) for points in view units; `slots`: a face's index in its picture."""
        own = own_frame(points_VFP2, scale_VF)
        local = (own[..., self.index, :] * self.mask).flatten(-2)  # (V, F, R, 2K)
        hidden = F.gelu(torch.einsum("vfrk,rkh->vfrh", local, self.weight_in) + self.bias_in)
        local = torch.einsum("vfrh,rhe->vfre", hidden, self.weight_out)
        whole = self.whole(own.flatten(-2)).unsqueeze(2)
        return local + whole + self.region + self.face[slots_VF].unsqueeze(2)


class RegionEncoder(nn.Module):
    """Guidance of the patches by the face regions, and their read-out as region tokens."""

    def __init__(self, config: FaceVisionConfig) -> None:
        super().__init__()
        self.grid = config.grid_size
        self.heads, self.head_size = config.heads, config.head_size
        width, size, inner = config.hidden_size, config.region_size, config.heads * config.head_size
        self.tokens = RegionTokens(config)
        slopes = FIRST_SLOPE * 4.0 ** torch.arange(config.heads, dtype=torch.float32)
        self.log_slope = nn.Parameter(slopes.log())  # α_h = exp(log_slope) > 0
        self.token_norm = nn.LayerNorm(size)
        self.guide_norm = nn.LayerNorm(width) if config.guidance else None
        if config.guidance:
            self.guide_query = nn.Linear(width, inner)
            self.guide_key = nn.Linear(size, inner)
            # The value projection and W of the equation in one: both act on few region tokens.
            self.guide_value = nn.Linear(size, width, bias=False)
            self.gate = nn.Parameter(torch.full((1,), float(config.gate)))
        if config.read_out:
            self.read_norm = nn.LayerNorm(width)
            self.read_query = nn.Linear(size, inner)
            # No bias: it would shift all patches alike, which a softmax over patches ignores.
            self.read_key = nn.Linear(width, inner, bias=False)
            self.read_value = nn.Linear(width, size, bias=False)
            self.mlp = nn.Sequential(
                nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size)
            )

    def forward(
        self, patches_VND: Tensor, points_VFP2: Tensor, present_VF: Tensor, slots_VF: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Guide the patches and read the regions out.

        Args:
            patches_VND: the tower's patch tokens.
            points_VFP2: 68 points a face, (x, y) in [0, 1] of the view; anything where absent.
            present_VF: which faces exist.
            slots_VF: each face's index among the faces of its picture.

        Returns:
            Guided patches (V, N, D), region tokens (V, F, 15, E) and the read-out attention
            (V, F, 15, N) averaged over heads, the last two None with `read_out` off. A view
            without faces leaves with exactly the patches it came with.
        """
        points_VFP2 = torch.where(
            present_VF[..., None, None], points_VFP2, points_VFP2.new_tensor(0.5)
        )
        centroids, scale_VF = region_geometry(points_VFP2)
        tokens_VME = self.tokens(points_VFP2, scale_VF, slots_VF).flatten(1, 2)
        normed_VME = self.token_norm(tokens_VME)
        bias_VHMN = self._distance_bias(centroids, scale_VF)
        if self.guide_norm is not None:
            patches_VND = self._guide(patches_VND, normed_VME, bias_VHMN, present_VF)
        if not hasattr(self, "read_norm"):
            return patches_VND, None, None
        regions_VME, attention_VMN = self._read(patches_VND, tokens_VME, normed_VME, bias_VHMN)
        shape = (*present_VF.shape, len(REGIONS), -1)
        return patches_VND, regions_VME.reshape(shape), attention_VMN.reshape(shape)

    def _distance_bias(self, centroids_VFR2: Tensor, scale_VF: Tensor) -> Tensor:
        """max(−α_h ‖g_p − c_r‖² / s², FARTHEST), (V, H, M, N)."""
        scale = scale_VF[..., None, None]
        centres = patch_centres(self.grid, centroids_VFR2)
        offset = (centres - centroids_VFR2.unsqueeze(3)) / scale.unsqueeze(-1)  # (V, F, R, N, 2)
        squared_VMN = offset.square().sum(-1).flatten(1, 2)
        bias = -self.log_slope.exp()[:, None, None] * squared_VMN.unsqueeze(1)
        return bias.clamp_min(FARTHEST)

    def _heads(self, x_VMA: Tensor) -> Tensor:
        return x_VMA.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (V, H, M, A/H)

    def _towards(self, x_VHMd: Tensor, projection: nn.Linear) -> Tensor:
        """Region-side queries or keys carried through the patch-side projection, (V, H·M, D).

        (W x)·k = x·(Wᵀ k): projecting 15 region vectors a head instead of every patch is the same
        sum with far fewer products.
        """
        weight = projection.weight.unflatten(0, (self.heads, -1))  # (H, d, D)
        return torch.einsum("vhmd,hdc->vhmc", x_VHMd * self.head_size**-0.5, weight).flatten(1, 2)

    def _guide(self, patches: Tensor, tokens: Tensor, bias: Tensor, present: Tensor) -> Tensor:
        key = self._heads(self.guide_key(tokens))  # (V, H, M, d)
        offset = self.guide_query.bias.unflatten(0, (self.heads, -1)).unsqueeze(-1)
        bias = bias + key @ offset * self.head_size**-0.5  # (V, H, M, N)
        if not present.all():
            absent_VM = ~present.repeat_interleave(len(REGIONS), 1)
            bias = bias.masked_fill(absent_VM[:, None, :, None], MASKED)
        normed = self.guide_norm(patches)
        keys = self._towards(key, self.guide_query)
        logits = torch.baddbmm(bias.flatten(1, 2), keys, normed.transpose(1, 2))
        attention = logits.unflatten(1, (self.heads, -1)).softmax(2)  # over the regions
        any_face = present.any(1)[:, None, None].to(patches.dtype)
        value = self.guide_value(tokens) * (self.gate * any_face)  # (V, M, D)
        # Each head fills its own channels; zeros elsewhere make all heads one product.
        own = torch.eye(self.heads, dtype=value.dtype, device=value.device)[:, None, :, None]
        value = value.unflatten(-1, (self.heads, -1)).unsqueeze(1) * own  # (V, H, M, H, D/H)
        return torch.baddbmm(
            patches, attention.flatten(1, 2).transpose(1, 2), value.flatten(3).flatten(1, 2)
        )

    def _read(
        self, patches: Tensor, tokens: Tensor, normed: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        patches = self.read_norm(patches)
        queries = self._towards(self._heads(self.read_query(normed)), self.read_key)
        logits = torch.baddbmm(bias.flatten(1, 2), queries, patches.transpose(1, 2))
        attention = logits.softmax(-1)  # (V, H·M, N)
        # Every head pools all channels and keeps its own: cheaper than reordering the patches.
        pooled = (attention @ patches).unflatten(-1, (self.heads, -1))
        pooled = pooled.unflatten(1, (self.heads, -1)).diagonal(dim1=1, dim2=3)  # (V, M, D/H, H)
        tokens = tokens + self.read_value(pooled.transpose(2, 3).flatten(2))
        return tokens + self.mlp(tokens), attention.unflatten(1, (self.heads, -1)).mean(1)


assert 0 < CHEEK_SHRINK < 1, "cheek centroids rely on shrinking towards the centre"
