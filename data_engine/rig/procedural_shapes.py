"""Shapes and identities of the procedural head, as smooth displacement fields over its rest pose.

A field takes rest positions and returns displacements, so vertices and landmark points move by the
same law. Names and meanings are ARKit's; sizes are head units (about centimetres).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

EYE = (3.2, 3.55)
"""Middle of the left eye's opening, x and y."""
MOUTH_Y = -3.35
MOUTH_HALF = 2.5


@dataclass(frozen=True)
class Place:
    """Where the points of a field are, N of them."""

    x: np.ndarray
    y: np.ndarray
    lip: np.ndarray
    """(N,) +1 on the upper side of the mouth's line, -1 on the lower, fading to 0 elsewhere."""
    lid: np.ndarray
    """(N,) +1 on the rim of an upper lid, -1 on a lower one, fading to 0 around the eye."""
    opening: np.ndarray
    """(N,) height of the eye's opening at this x, 0 outside the eye."""
    jaw: np.ndarray
    """(N,) in [0, 1], how far a point goes with the jaw."""

    @property
    def upper(self) -> np.ndarray:
        """(N,) share in the upper lip."""
        return np.clip(self.lip, 0, 1)

    @property
    def lower(self) -> np.ndarray:
        """(N,) share in the lower lip."""
        return np.clip(-self.lip, 0, 1)


Part = np.ndarray | float
Field = Callable[[Place], tuple[Part, Part, Part]]


def _spot(p: Place, x: float, y: float, wide: float, tall: float) -> np.ndarray:
    """A soft spot (N,) in [0, 1] about (x, y)."""
    return np.exp(-(((p.x - x) / wide) ** 2) - ((p.y - y) / tall) ** 2)


@dataclass(frozen=True)
class _Side:
    """Soft spots of one side of a face; `x` is +1 on the subject's left, -1 on the right."""

    p: Place
    x: float

    def half(self) -> np.ndarray:
        return 1 / (1 + np.exp(-4 * self.x * self.p.x))

    def corner(self) -> np.ndarray:
        return _spot(self.p, self.x * MOUTH_HALF, MOUTH_Y, 1.4, 1.3) * self.half()

    def brow(self, x: float, wide: float) -> np.ndarray:
        return _spot(self.p, self.x * x, 6.2, wide, 1.7) * self.half()

    def upper(self) -> np.ndarray:
        return self.p.upper * _spot(self.p, self.x * 1.1, -3.0, 1.5, 1.5) * self.half()

    def lower(self) -> np.ndarray:
        return self.p.lower * _spot(self.p, self.x * 1.1, -3.7, 1.5, 1.5) * self.half()

    def over(self) -> np.ndarray:
        """The upper lid's rim."""
        return np.clip(self.p.lid, 0, 1) * (self.p.x * self.x > 0)

    def under(self) -> np.ndarray:
        """The lower lid's rim."""
        return np.clip(-self.p.lid, 0, 1) * (self.p.x * self.x > 0)

    def cheek(self) -> np.ndarray:
        return _spot(self.p, self.x * 4.2, 0.9, 1.9, 1.6)

    def wing(self) -> np.ndarray:
        return _spot(self.p, self.x * 1.3, 0.3, 1.1, 1.4) * self.half()


_PAIRED: dict[str, Callable[[_Side], tuple[Part, Part, Part]]] = {
    "browInnerUp": lambda s: (0, 1.2 * s.brow(1.4, 1.7), 0),
    "browOuterUp": lambda s: (0, 1.2 * s.brow(5.0, 1.9), 0),
    "browDown": lambda s: (
        -0.5 * s.x * s.brow(2.2, 2.2), -1.0 * s.brow(2.4, 2.4), 0.25 * s.brow(1.4, 1.6)),
    "eyeWide": lambda s: (0, 0.5 * s.over() - 0.1 * s.under(), -0.1 * s.over()),
    "eyeSquint": lambda s: (0, 0.32 * s.under() - 0.18 * s.over(), 0.1 * s.under()),
    "eyeBlink": lambda s: (0, -0.97 * s.p.opening * s.over(), 0.35 * s.over()),
    "eyeLookUp": lambda s: (0, 0.25 * s.over() + 0.1 * s.under(), 0),
    "eyeLookDown": lambda s: (0, -0.45 * s.over() - 0.15 * s.under(), 0),
    "cheekSquint": lambda s: (0, 0.9 * s.cheek() + 0.25 * s.under(), 0.45 * s.cheek()),
    "noseSneer": lambda s: (
        0, 0.8 * s.wing() + 0.45 * s.upper() - 0.35 * s.brow(1.0, 1.2), 0.3 * s.wing()),
    "mouthUpperUp": lambda s: (0, 1.0 * s.upper(), 0.15 * s.upper()),
    "mouthLowerDown": lambda s: (0, -1.0 * s.lower(), 0),
    "mouthSmile": lambda s: (
        1.0 * s.x * s.corner(), 1.1 * s.corner() + 0.2 * s.cheek(),
        0.3 * s.cheek() - 0.4 * s.corner()),
    "mouthFrown": lambda s: (0, -1.0 * s.corner(), 0),
    "mouthDimple": lambda s: (0.5 * s.x * s.corner(), 0.1 * s.corner(), -1.0 * s.corner()),
    "mouthStretch": lambda s: (1.2 * s.x * s.corner(), -0.35 * s.corner(), -0.2 * s.corner()),
    "mouthPress": lambda s: (
        0, 0.45 * (s.lower() - s.upper()), -0.6 * (s.lower() + s.upper())),
}  # fmt: skip


def _mouth(p: Place) -> np.ndarray:
    return _spot(p, 0, MOUTH_Y, 3.0, 1.7)


def _lips(p: Place) -> np.ndarray:
    return _spot(p, 0, MOUTH_Y, 2.6, 1.0)


def _chin(p: Place) -> np.ndarray:
    return _spot(p, 0, -5.8, 2.2, 1.4)


def _dropped(p: Place) -> np.ndarray:
    """What jawOpen does to the lips, for mouthClose to take back."""
    return p.jaw * np.exp(-(((p.y - MOUTH_Y) / 1.3) ** 2))


_SINGLE: dict[str, Field] = {
    "jawOpen": lambda p: (0, -3.0 * p.jaw, -0.7 * p.jaw),
    "jawForward": lambda p: (0, 0, 1.2 * p.jaw),
    "jawLeft": lambda p: (1.2 * p.jaw, 0, 0),
    "jawRight": lambda p: (-1.2 * p.jaw, 0, 0),
    "mouthClose": lambda p: (0, 3.0 * _dropped(p), 0.7 * _dropped(p)),
    "mouthPucker": lambda p: (-0.4 * p.x * _mouth(p), 0, 0.9 * _mouth(p)),
    "mouthFunnel": lambda p: (-0.35 * p.x * _mouth(p), 0.7 * p.lip * _lips(p), 0.9 * _mouth(p)),
    "mouthRollUpper": lambda p: (0, -0.45 * p.upper * _lips(p), -0.9 * p.upper * _lips(p)),
    "mouthRollLower": lambda p: (0, 0.5 * p.lower * _lips(p), -0.9 * p.lower * _lips(p)),
    "mouthShrugLower": lambda p: (0, 0.9 * _chin(p) + 0.6 * p.lower * _lips(p), 0.4 * _chin(p)),
    "mouthShrugUpper": lambda p: (0, 0.5 * p.upper * _lips(p), 0.2 * p.upper * _lips(p)),
}


def shape_fields() -> dict[str, Field]:
    """All shapes by name."""
    out: dict[str, Field] = {}
    for name, field in _PAIRED.items():
        for letter, x in (("L", 1.0), ("R", -1.0)):
            out[f"{name}_{letter}"] = lambda p, field=field, x=x: field(_Side(p, x))
    return out | _SINGLE


def _eyes(p: Place) -> np.ndarray:
    return _spot(p, EYE[0], EYE[1], 2.2, 1.6) + _spot(p, -EYE[0], EYE[1], 2.2, 1.6)


def _brows(p: Place) -> np.ndarray:
    return _spot(p, 3, 6.2, 3.5, 1.4) + _spot(p, -3, 6.2, 3.5, 1.4)


def _low(p: Place) -> np.ndarray:
    return 1 / (1 + np.exp(1.2 * (p.y + 3)))


IDENTITY_FIELDS: tuple[Field, ...] = (
    lambda p: (0.04 * p.x, 0, 0),
    lambda p: (0, 0.04 * p.y, 0),
    lambda p: (0.06 * p.x * _low(p), 0, 0),
    lambda p: (0, -0.5 * _low(p), 0),
    lambda p: (0, 0, 0.35 * _spot(p, 0, 0.6, 1.4, 1.8)),
    lambda p: (0.15 * p.x * _spot(p, 0, -0.5, 2.2, 1.4), 0, 0),
    lambda p: (0.2 * np.sign(p.x) * _eyes(p), 0, 0),
    lambda p: (0, 0.25 * _eyes(p), 0),
    lambda p: (0.1 * p.x * _spot(p, 0, MOUTH_Y, 3.2, 1.6), 0, 0),
    lambda p: (0, 0.2 * p.lip * _spot(p, 0, MOUTH_Y, 2.0, 1.2), 0),
    lambda p: (0, 0.3 * _brows(p), 0),
    lambda p: (0, 0, 0.4 * _spot(p, 0, -6.8, 2.5, 1.6)),
)
"""Components of identity, one standard deviation each: widths, lengths, nose, eyes, mouth, chin."""


def displace(fields: Iterable[Field], place: Place) -> np.ndarray:
    """Displacements (fields, N, 3) float32 of the places."""
    return np.stack(
        [np.stack([part + 0 * place.x for part in field(place)], 1) for field in fields]
    ).astype(np.float32)
