"""Everything that sees: tower, region encoder and projector, shared by transformers and vLLM.

pixels (V,3,S,S) ─ tower ─► patches ─ region encoder(landmarks) ─► patches', regions
regions ─ readings ─► action units, expression: told to the language model with the region tokens
one view's tokens = [ pooled patches' (P) , 15 region tokens of each face present ] → width L
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facellm.core.errors import FaceLLMError
from facellm.model.configuration import FaceVisionConfig
from facellm.model.prompt import PromptFusion
from facellm.model.readings import Known, Readings, Telling
from facellm.model.refine import at_points
from facellm.model.region_encoder import RegionEncoder
from facellm.model.tower import VisionTower

# Shapes: V views, F face slots, f faces kept (the most any view has), N patches, P pooled patches,
# D tower channels, E region width, L language-model width.

POINT_UNIT = 1e-4
"""Landmarks travel as whole numbers of this fraction of the view's side: servers cast floats."""
ABSENT = -1_000_000
"""Stands in every coordinate of a face slot that is empty."""


def view_points(landmarks: Tensor) -> Tensor:
    """Fixed-point landmarks as float32 in units of the view, whatever the model computes in.

    A coordinate in bfloat16 is off by up to 1 % of a face: more than a slight smile moves a point.
    """
    return landmarks.float() * POINT_UNIT


class Projector(nn.Module):
    """Patches and region tokens to the language model's width, by an MLP each."""

    def __init__(self, config: FaceVisionConfig, width: int) -> None:
        super().__init__()
        self.patches = nn.Sequential(
            nn.LayerNorm(config.hidden_size),
            nn.Linear(config.hidden_size, width), nn.GELU(), nn.Linear(width, width),
        )  # fmt: skip
        self.place = nn.Parameter(torch.randn(config.patch_tokens, width) * 0.02)
        self.regions = nn.Sequential(
            nn.LayerNorm(config.region_size),
            nn.Linear(config.region_size, width), nn.GELU(), nn.Linear(width, width),
        ) if config.read_out else None  # fmt: skip
        self.told = Telling(width) if config.read_out and config.readings else None
        self.prompt = PromptFusion(config, width) if config.prompt_guided else None


class FaceVision(nn.Module):
    """Views and landmarks in, language-model tokens out."""

    def __init__(self, config: FaceVisionConfig, width: int) -> None:
        super().__init__()
        self.config = config
        self.vision_tower = VisionTower(config.tower, config.layer)
        has_regions = config.guidance or config.read_out
        self.region_encoder = RegionEncoder(config) if has_regions else None
        self.readings = Readings(config) if config.read_out and config.readings else None
        self.projector = Projector(config, width)

    def see(
        self, pixels_V3SS: Tensor, landmarks_VFP2: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor]:
        """Guided patches, region tokens, read-out attention and presence.

        Args:
            pixels_V3SS: normalised views.
            landmarks_VFP2: int32 fixed point in `POINT_UNIT` of the view, `ABSENT` in empty slots.

        Returns:
            (V, N, D), (V, F, 15, E) or None, (V, F, 15, N) or None, and presence (V, F); empty
            slots hold zeros.
        """
        return self._regions(self.vision_tower(pixels_V3SS), landmarks_VFP2)

    def _regions(
        self, patches: Tensor, landmarks_VFP2: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor]:
        present = landmarks_VFP2[..., 0, 0] != ABSENT
        most = int(present.sum(1).max()) if present.numel() else 0
        if self.region_encoder is None or most == 0:
            return patches, None, None, present
        # Work only on as many slots as some view really uses; the rest would be masked anyway.
        order = (~present).long().argsort(dim=1, stable=True)[:, :most]
        rows = torch.arange(len(order), device=order.device)[:, None]
        points = landmarks_VFP2[rows, order].to(patches.dtype) * POINT_UNIT
        patches, regions, attention = self.region_encoder(
            patches, points, present[rows, order], order
        )
        if regions is None or attention is None:
            return patches, None, None, present
        kept = present[rows, order][..., None, None]
        return patches, _scatter(regions * kept, order, present), _scatter(
            attention * kept, order, present), present  # fmt: skip

    def forward(
        self, pixels_V3SS: Tensor, landmarks_VFP2: Tensor, questions_VL: Tensor | None = None
    ) -> list[Tensor]:
        """One tensor (P + 15 · faces, L) a view: pooled patches, then region tokens by face.

        Args:
            pixels_V3SS, landmarks_VFP2: as for `see`.
            questions_VL: what is asked about each view, for a model with `prompt_guided`.

        Raises:
            FaceLLMError: such a model without questions.
        """
        prompt, fused = self.projector.prompt, None
        if prompt is None:
            patches, regions, attention, present = self.see(pixels_V3SS, landmarks_VFP2)
        else:
            levels = self.vision_tower.levels(pixels_V3SS, self.config.inner_layers or ())
            patches, regions, attention, present = self._regions(levels[-1], landmarks_VFP2)
            fused = prompt(levels, _needed(questions_VL))
        shown = patches if fused is None else prompt.on_patches(patches, fused)
        tokens = self.projector.patches(self.pooled(shown)) + self.projector.place
        if regions is None:
            return list(tokens)
        points = self.placed(self.local(patches, landmarks_VFP2), landmarks_VFP2)
        asked = None
        if fused is not None:
            asked = prompt.on_regions(regions, attention, fused)[present]
        spoken = self.speakable(regions[present], points, shown=asked)
        return [
            torch.cat([own, faces.flatten(0, 1)])
            for own, faces in zip(tokens, spoken.split(present.sum(1).tolist()), strict=True)
        ]

    def local(self, patches_VND: Tensor, landmarks_VFP2: Tensor) -> Tensor | None:
        """Patches at the points of all X faces, (X, 68, D); None where nothing refines points."""
        if self.readings is None or self.readings.refiner is None:
            return None
        present = landmarks_VFP2[..., 0, 0] != ABSENT
        views = torch.nonzero(present)[:, 0]
        return at_points(patches_VND[views], view_points(landmarks_VFP2[present]))

    def placed(self, local_XPD: Tensor | None, landmarks_VFP2: Tensor) -> Tensor:
        """Points (X, 68, 2) of all faces as the readings hear them, float32 in view units."""
        points = view_points(landmarks_VFP2[landmarks_VFP2[..., 0, 0] != ABSENT])
        if local_XPD is None or self.readings is None:
            return points
        return self.readings.placed(local_XPD, points)

    def pooled(self, patches_VND: Tensor) -> Tensor:
        """Patches averaged pool × pool, (V, P, D)."""
        grid, pool = self.config.grid_size, self.config.pool
        square = patches_VND.transpose(1, 2).unflatten(2, (grid, grid))
        return F.avg_pool2d(square, pool).flatten(2).transpose(1, 2)

    def speakable(
        self,
        regions_XRE: Tensor,
        points_XP2: Tensor,
        known: Known | None = None,
        shown: Tensor | None = None,
    ) -> Tensor:
        """Region tokens of X faces as the language model hears them, (X, 15, L).

        Args:
            regions_XRE: as `see` gives them.
            points_XP2: (X, 68, 2), see `view_points`.
            known: in training, what is told of the faces in place of what is read off them.
            shown: the region tokens under the question, where they depend on it.
        """
        tokens = self.projector.regions(regions_XRE if shown is None else shown)
        if self.readings is None:
            return tokens
        reading = self.readings(regions_XRE, points_XP2)
        return tokens + self.projector.told(reading if known is None else known.over(reading))


def _needed(questions: Tensor | None) -> Tensor:
    if questions is None:
        raise FaceLLMError(
            "this model sees a picture under the question (prompt_guided); call it with "
            "input_ids and pixel_values together, or give get_image_features its questions"
        )
    return questions


def _scatter(values: Tensor, order: Tensor, present: Tensor) -> Tensor:
    """Put per-face values (V, f, ...) back into their slots (V, F, ...)."""
    out = values.new_zeros((*present.shape, *values.shape[2:]))
    rows = torch.arange(len(order), device=order.device)[:, None]
    out[rows, order] = values
    return out
