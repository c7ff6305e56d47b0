"""What a resting vision part has seen, kept: each augmented version of a face is seen once.

Version v of a face is augmented by randomness of its own, so that what is kept does not depend on
when it was first asked for, and a resumed run sees the same. Kept in float16: a resumed run's
losses agree to that rounding.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from facellm.model.processing import FaceLLMImageProcessor
from facellm.model.readings import Known
from facellm.model.vision import FaceVision, view_points
from facellm.train.inputs import Seen, batch_views, generator_at

# Shapes: V views, P pooled patches, D tower channels, R = 15 regions, E region width.
GIB = 1 << 30
Key = tuple[Seen, int]


class Features(nn.Module):
    """Pooled patches (P, D), region tokens (R, E) and points (68, 2) of views, kept once seen.

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
        self.kept: dict[Key, tuple[Tensor, Tensor, Tensor]] = {}
        self.asked = self.found = 0

    def forward(self, vision: FaceVision, keys: Sequence[Key]) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled patches (V, P, D), region tokens (V, R, E) and points (V, 68, 2) in view units.

        The last two are zeros where there is no face.
        """
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
        pooled, regions, points = (
            torch.stack(part).to(device) for part in zip(*chosen, strict=True)
        )
        return pooled.float(), regions.float(), view_points(points)

    @torch.no_grad()
    def _see(self, vision: FaceVision, keys: Sequence[Key]) -> list[tuple[Tensor, Tensor, Tensor]]:
        if not keys:
            return []
        views = [self._view(seen, version) for seen, version in keys]
        device = next(vision.parameters()).device
        pixels = torch.cat([pixels for pixels, _ in views]).to(device)
        landmarks = torch.cat([landmarks for _, landmarks in views]).to(device)
        patches, regions, _, present = vision.see(pixels, landmarks)
        pooled = vision.pooled(patches)
        if regions is None:
            shape = (vision.config.face_tokens, vision.config.region_size)
            regions = pooled.new_zeros(*present.shape, *shape)
        one = regions.sum(1)  # a view shows one face at most; empty slots are zeros
        points = (landmarks * present[..., None, None]).sum(1, dtype=torch.int32).cpu()
        return list(zip(_kept(pooled), _kept(one), list(points), strict=True))

    def _view(self, seen: Seen, version: int) -> tuple[Tensor, Tensor]:
        kind = ("face", "whole", "nothing").index(seen.kind)
        key = (self.seed, version, kind, seen.corpus + 1, seen.row + 1, seen.slot)
        return batch_views(self.sources, [seen], self.images, generator_at(*key)[1])


def _kept(values: Tensor) -> list[Tensor]:
    """Apart from each other, so that one can be kept without the rest of its batch."""
    return [value.clone() for value in values.half().cpu()]


def tokens_of(
    vision: FaceVision,
    pooled: Tensor,
    regions: Tensor,
    points: Tensor,
    faces: Sequence[bool],
    known: Known | None = None,
) -> Tensor:
    """Language-model tokens of views, one after the other: what `FaceVision` makes of features.

    `known` is of the views that show a face, in their order.
    """
    patches = vision.projector.patches(pooled) + vision.projector.place
    if not vision.config.face_tokens or not any(faces):
        return patches.flatten(0, 1)
    shown = torch.tensor(faces, device=regions.device)
    spoken = iter(vision.speakable(regions[shown], points[shown], known))
    rows = [
        torch.cat([own, next(spoken)]) if face else own
        for own, face in zip(patches, faces, strict=True)
    ]
    return torch.cat(rows)
