"""The face-region encoder for a tower that is not ours: any grid, any order of patches.

    landmarks z ──► region tokens t (V,F·15,E)
    t ──read-out──►  t' = t + Σ_p softmax(q·k/√d − α‖g_p − c_r‖²/s²) W x_p
    x ──guidance──►  x + ρ_p · γ · Σ_r softmax(q·k/√d − α‖g_p − c_r‖²/s²) W t'_r

Two things differ from `facellm.model.region_encoder`. The regions read the patches out *before*
they guide them: a stock model's prompt holds no region tokens, so only guidance can teach the
read-out where to look. And guidance fades with the distance from every face,
ρ_p = max_r exp(−‖g_p − c_r‖²/s²): a stock model sees the whole picture, most of which is no face.
γ starts at 0.

Points, centres and distances are in patches: square patches keep a face's shape in a picture of any
proportions, and a face smaller than a patch still has that one patch.
"""

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from facellm.core.errors import FaceLLMError
from facellm.core.regions import REGIONS
from facellm.model.configuration import FaceVisionConfig
from facellm.model.region_encoder import FARTHEST, RegionEncoder, own_frame, region_geometry
from facellm.model.vision import ABSENT, POINT_UNIT

# Shapes: V views, F face slots, f faces kept (the most any view has), R = 15 regions, M = f * R,
# N patches a view, D tower channels, E region width, H heads.


class FaceRegionConfig(PreTrainedConfig):
    """The region encoder beside a stock model's own configuration."""

    model_type = "facellm_regions"

    hidden_size: int = 1152
    """D: channels of the patch features that reach the merger or projector."""
    levels: int = 1
    """How many mergers take patch features (Qwen3-VL: one a deepstack layer, and the last)."""
    max_faces: int = 8
    region_size: int = 128
    """E: width of a region token."""
    heads: int = 4
    head_size: int = 64
    """Width of a query or key per head."""

    def __post_init__(self, **kwargs: object) -> None:
        if self.hidden_size % self.heads:
            raise FaceLLMError(
                f"{self.heads} heads do not divide the tower's {self.hidden_size} channels; "
                "choose a divisor"
            )
        super().__post_init__(**kwargs)


class PatchRegionEncoder(RegionEncoder):
    """One level: guides one set of patch features."""

    def __init__(self, config: FaceRegionConfig) -> None:
        super().__init__(
            FaceVisionConfig(
                hidden_size=config.hidden_size,
                max_faces=config.max_faces,
                region_size=config.region_size,
                heads=config.heads,
                head_size=config.head_size,
                gate=0.0,
            )
        )

    def forward(  # type: ignore[override]
        self,
        patches_VND: Tensor,
        points_VFP2: Tensor,
        present_VF: Tensor,
        slots_VF: Tensor,
        centres_N2: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Guided patches (V, N, D) and the read-out attention (V, F, 15, N), mean over heads.

        Args:
            patches_VND: patch features, in any order.
            points_VFP2: 68 points a face, float32 (x, y) in patches; anything where absent.
            present_VF: which faces exist.
            slots_VF: each face's index among the faces of its picture.
            centres_N2: float32 centre of each patch, (x, y) in patches.
        """
        dtype = self.token_norm.weight.dtype
        patches = patches_VND.to(dtype)
        points = points_VFP2 * present_VF[..., None, None]
        # Geometry is float32 whatever the weights are: bfloat16 cannot tell patch 300 from 301.
        centroids, scale_VF = region_geometry(points)
        own = own_frame(points, scale_VF).to(dtype)
        tokens = self.tokens(own, torch.ones_like(scale_VF, dtype=dtype), slots_VF).flatten(1, 2)
        squared_VMN = _squared_distance(centroids, scale_VF.clamp_min(1.0), centres_N2)
        slope_H11 = self.log_slope.float().exp()[:, None, None]
        bias = (-slope_H11 * squared_VMN.unsqueeze(1)).clamp_min(FARTHEST).to(dtype)
        regions, attention = self._read(patches, tokens, self.token_norm(tokens), bias)
        guided = self._guide(patches, self.token_norm(regions), bias, present_VF)
        absent_VM = ~present_VF.repeat_interleave(len(REGIONS), 1)
        nearest_VN = squared_VMN.masked_fill(absent_VM.unsqueeze(-1), float("inf")).amin(1)
        reach_VN1 = (-nearest_VN).exp().unsqueeze(-1).to(dtype)
        guided = torch.lerp(patches, guided, reach_VN1).to(patches_VND.dtype)
        return guided, attention.unflatten(1, (-1, len(REGIONS)))


def _squared_distance(centroids_VFR2: Tensor, scale_VF: Tensor, centres_N2: Tensor) -> Tensor:
    """‖g_p − c_r‖² / s², (V, M, N)."""
    offset = (centres_N2 - centroids_VFR2.unsqueeze(3)) / scale_VF[..., None, None, None]
    return offset.square().sum(-1).flatten(1, 2)


class FaceRegionEncoder(nn.Module):
    """One `PatchRegionEncoder` for each merger that takes patch features."""

    def __init__(self, config: FaceRegionConfig) -> None:
        super().__init__()
        self.levels = nn.ModuleList(PatchRegionEncoder(config) for _ in range(config.levels))

    def forward(
        self,
        level: int,
        patches_VND: Tensor,
        landmarks_VFP2: Tensor,
        centres_N2: Tensor,
        size: tuple[int, int],
    ) -> tuple[Tensor, Tensor | None]:
        """Guide the patches of views of one shape.

        Args:
            level: which merger takes the patches.
            patches_VND: patch features, in any order.
            landmarks_VFP2: int32 fixed point, 1e-4 of the view's width and height; `ABSENT` in
                empty slots (`facellm.model.vision`).
            centres_N2: float32 centre of each patch, (x, y) in patches.
            size: width and height of a view in patches.

        Returns:
            Guided patches (V, N, D) and the read-out attention (V, F, 15, N), zero in empty slots.
            Views without faces leave untouched, and without any face the attention is None.
        """
        landmarks_VFP2 = landmarks_VFP2.to(patches_VND.device)
        present = landmarks_VFP2[..., 0, 0] != ABSENT
        seen = present.any(1)
        if not bool(seen.any()):
            return patches_VND, None
        # Only as many slots as some view uses; argsort keeps the order of the faces.
        order = (~present).long().argsort(dim=1, stable=True)[:, : int(present.sum(1).max())]
        kept = present.gather(1, order)
        rows = torch.arange(len(order), device=order.device)[:, None]
        points = landmarks_VFP2[rows, order].float() * POINT_UNIT
        points = points * points.new_tensor(size)
        # Autocast would take the geometry's care for precision back.
        with torch.autocast(patches_VND.device.type, enabled=False):
            guided, attention = self.levels[level](
                patches_VND, points, kept, order, centres_N2.to(patches_VND.device)
            )
        maps = attention.new_zeros((*present.shape, *attention.shape[2:]))
        maps[rows, order] = attention * kept[..., None, None]
        return torch.where(seen[:, None, None], guided, patches_VND), maps


def row_major(width: int, height: int) -> Tensor:
    """Centres (N, 2) of patches that run row by row from the top left, as (x, y) in patches."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], -1).float() + 0.5
