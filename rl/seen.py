"""What a resting vision part has seen in this round: each picture is seen once.

An answer's picture is looked at when it is drawn, for its old and reference log-probabilities and
for every loss. As long as nothing that sees is learning, all of them see the same; the projector
after it may learn, and is run every time.
"""

from hashlib import sha256
from typing import Any

import torch
from torch import Tensor

from facellm.model.vision import FaceVision

Features = tuple[Tensor | None, ...]


class Seen:
    """Stands before `vision.see` and keeps what it gives, view by view, until `forget`."""

    def __init__(self, vision: FaceVision) -> None:
        self.vision, self.look = vision, vision.see
        self.kept: dict[bytes, Features] = {}
        vision.see = self  # type: ignore[method-assign, assignment]

    @classmethod
    def before(cls, vision: FaceVision, resting: bool = False) -> "Seen | None":
        """The same; None where something that sees learns, unless the whole model rests."""
        learning = any(
            parameter.requires_grad
            for name, parameter in vision.named_parameters()
            if not name.startswith("projector.")
        )
        return None if learning and not resting else cls(vision)

    def forget(self) -> None:
        """Begin a new round."""
        self.kept = {}

    def leave(self) -> None:
        """Let the vision part see for itself again."""
        self.vision.see = self.look  # type: ignore[method-assign]

    @torch.no_grad()
    def __call__(self, pixels: Tensor, landmarks: Tensor) -> Any:
        """See `FaceVision.see`."""
        keys = [_key(*view) for view in zip(pixels, landmarks, strict=True)]
        first = {key: place for place, key in enumerate(keys) if key not in self.kept}
        new = list(first.values())
        if new:
            found = self.look(pixels[new], landmarks[new])
            for n, place in enumerate(new):
                self.kept[keys[place]] = tuple(None if part is None else part[n] for part in found)
        features = [self.kept[key] for key in keys]
        return tuple(_stacked(parts) for parts in zip(*features, strict=True))


def _key(pixels: Tensor, landmarks: Tensor) -> bytes:
    parts = (pixels.contiguous().cpu().view(torch.uint8), landmarks.contiguous().cpu())
    return sha256(b"".join(part.numpy().tobytes() for part in parts)).digest()


def _stacked(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    """(V, …); a view that was seen among views without faces has no regions."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    blank = torch.zeros_like(known[0])
    return torch.stack([blank if part is None else part for part in parts])
