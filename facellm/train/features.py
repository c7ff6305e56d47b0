"""What a resting vision part has seen, kept: each augmented version of a face is seen once.

Version v of a face is augmented by randomness of its own, so that what is kept does not depend on
when it was first asked for, and a resumed run sees the same. Kept in float16: a resumed run's
losses agree to that rounding.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.readings import Known
from facellm.model.vision import FaceVision, view_points
from facellm.train.inputs import Seen, batch_views, generator_at

# Shapes: V views, P pooled patches, D tower channels, R = 15 regions, E region width.
GIB = 1 << 30
Key = tuple[Seen, int]


class Kept(NamedTuple):
    """Of V views; of a view without a face, all but the first are zeros."""

    pooled: Tensor
    """(V, P, D) patches as the language model gets them."""
    regions: Tensor
    """(V, R, E)."""
    points: Tensor
    """(V, 68, 2) in view units, as they were given."""
    exact: Tensor
    """(V, 68, 2) where they really are."""
    local: Tensor | None
    """(V, 68, D) patches at the points; None where nothing refines these."""


class Features(nn.Module):
    """What views look like, kept once seen: all that readings and projector need.

    A module without parameters that holds no reference to the vision part it is given.
    """

    def __init__(
        self,
        sources: Sequence[Any],
        images: FaceLLMImageProcessor,
        seed: int,
        gib: float,
    ) -> None:
        super().__init__()
        self.sources, self.images, self.seed = sources, images, seed
        self.room = gib * GIB
        self.kept: dict[Key, tuple[Tensor, ...]] = {}
        self.asked = self.found = 0

    def forward(self, vision: FaceVision, keys: Sequence[Key]) -> Kept:
        """What these views look like, each seen where it has not been."""
        missing = [key for key in dict.fromkeys(keys) if key not in self.kept]
        fresh = dict(zip(missing, self._see(vision, missing), strict=True))
        self.asked, self.found = self.asked + len(keys), self.found + len(keys) - len(missing)
        device = next(vision.parameters()).device
        chosen = [fresh[key] if key in fresh else self.kept[key] for key in keys]
        for key, value in fresh.items():
            size = sum(tensor.nbytes for tensor in value)
            if self.room >= size and key[0].kind != "nothing":
                self.kept[key] = value
                self.room -= size
        pooled, regions, points, exact, *local = (
            torch.stack(part).to(device) for part in zip(*chosen, strict=True)
        )
        found = local[0].float() if local else None
        return Kept(pooled.float(), regions.float(), view_points(points), exact, found)

    @torch.no_grad()
    def _see(self, vision: FaceVision, keys: Sequence[Key]) -> list[tuple[Tensor, ...]]:
        if not keys:
            return []
        views = [self._view(seen, version) for seen, version in keys]
        device = next(vision.parameters()).device
        pixels, landmarks, exact = (torch.cat(part) for part in zip(*views, strict=True))
        pixels, landmarks = pixels.to(device), landmarks.to(device)
        patches, regions, _, present = vision.see(pixels, landmarks)
        pooled = vision.pooled(patches)
        if regions is None:
            shape = (vision.config.face_tokens, vision.config.region_size)
            regions = pooled.new_zeros(*present.shape, *shape)
        one = regions.sum(1)  # a view shows one face at most; empty slots are zeros
        points = (landmarks * present[..., None, None]).sum(1, dtype=torch.int32).cpu()
        parts = [_kept(pooled), _kept(one), list(points), list(exact)]
        local = vision.local(patches, landmarks)
        if local is not None:
            at = local.new_zeros(len(present), *local.shape[1:])
            at[torch.nonzero(present)[:, 0]] = local
            parts.append(_kept(at))
        return list(zip(*parts, strict=True))

    def _view(self, seen: Seen, version: int) -> tuple[Tensor, Tensor, Tensor]:
        kind = ("face", "whole", "nothing").index(seen.kind)
        key = (self.seed, version, kind, seen.corpus + 1, seen.row + 1, seen.slot)
        return batch_views(self.sources, [seen], self.images, generator_at(*key)[1])


def _kept(values: Tensor) -> list[Tensor]:
    """Apart from each other, so that one can be kept without the rest of its batch."""
    return [value.clone() for value in values.half().cpu()]


def tokens_of(
    vision: FaceVision,
    kept: Kept,
    faces: Sequence[bool],
    known: Known | None = None,
) -> Tensor:
    """Language-model tokens of views, one after the other: what `FaceVision` makes of features.

    `known` is of the views that show a face, in their order.
    """
    patches = vision.projector.patches(kept.pooled) + vision.projector.place
    if not vision.config.face_tokens or not any(faces):
        return patches.flatten(0, 1)
    shown = torch.tensor(faces, device=kept.regions.device)
    points = kept.points[shown]
    if kept.local is not None and vision.readings is not None:
        points = vision.readings.placed(kept.local[shown], points)
    spoken = iter(vision.speakable(kept.regions[shown], points, known))
    rows = [
        torch.cat([own, next(spoken)]) if face else own
        for own, face in zip(patches, faces, strict=True)
    ]
    return torch.cat(rows)
