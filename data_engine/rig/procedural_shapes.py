"""Shapes and identities of the procedural head, as smooth displacement fields over its rest pose.

A field takes rest positions and returns displacements, so vertices and landmark points move by the
same law. Names and meanings are ARKit's; sizes are head units (about centimetres).
"""

from collections.abc import Callable
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


Field = Callable[[Place], tuple[np.ndarray, np.ndarray, np.ndarray]]


def _spot(p: Place, x: float, y: float, wide: float, tall: float) -> np.ndarray:
    """A soft spot (N,) in [0, 1] about (x, y)."""
    return np.exp(-(((p.x - x) / wide) ** 2) - ((p.y - y) / tall) ** 2)


def _sided(side: int) -> dict[str, Field]:
    """Shapes of one side; `side` is +1 for the subject's left."""
    sx = float(side)

    def half(p: Place) -> np.ndarray:
        return 1 / (1 + np.exp(-4 * sx * p.x))

    def corner(p: Place) -> np.ndarray:
        return _spot(p, sx * MOUTH_HALF, MOUTH_Y, 1.4, 1.3) * half(p)

    def eye(p: Place) -> np.ndarray:
        return (p.x * sx > 0).astype(float)

    def brow(p: Place, x: float, wide: float) -> np.ndarray:
        return _spot(p, sx * x, 6.2, wide, 1.7) * half(p)

    def upper(p: Place) -> np.ndarray:
        return p.upper * _spot(p, sx * 1.1, -3.0, 1.5, 1.5) * half(p)

    def lower(p: Place) -> np.ndarray:
        return p.lower * _spot(p, sx * 1.1, -3.7, 1.5, 1.5) * half(p)

    def rim(p: Place) -> tuple[np.ndarray, np.ndarray]:
        return np.clip(p.lid, 0, 1) * eye(p), np.clip(-p.lid, 0, 1) * eye(p)

    def cheek(p: Place) -> np.ndarray:
        return _spot(p, sx * 4.2, 0.9, 1.9, 1.6)

    def sneer(p: Place) -> np.ndarray:
        wing = _spot(p, sx * 1.3, 0.3, 1.1, 1.4) * half(p)
        return 0.8 * wing + 0.45 * upper(p) - 0.35 * brow(p, 1.0, 1.2)

    def zero(p: Place) -> np.ndarray:
        return np.zeros_like(p.x)

    fields: dict[str, Field] = {
        "browInnerUp": lambda p: (zero(p), 1.2 * brow(p, 1.4, 1.7), zero(p)),
        "browOuterUp": lambda p: (zero(p), 1.2 * brow(p, 5.0, 1.9), zero(p)),
        "browDown": lambda p: (
            -0.5 * sx * brow(p, 2.2, 2.2), -1.0 * brow(p, 2.4, 2.4), 0.25 * brow(p, 1.4, 1.6)),
        "eyeWide": lambda p: (zero(p), 0.5 * rim(p)[0] - 0.1 * rim(p)[1], -0.1 * rim(p)[0]),
        "eyeSquint": lambda p: (zero(p), 0.32 * rim(p)[1] - 0.18 * rim(p)[0], 0.1 * rim(p)[1]),
        "eyeBlink": lambda p: (zero(p), -0.97 * p.opening * rim(p)[0], 0.35 * rim(p)[0]),
        "eyeLookUp": lambda p: (zero(p), 0.25 * rim(p)[0] + 0.1 * rim(p)[1], zero(p)),
        "eyeLookDown": lambda p: (zero(p), -0.45 * rim(p)[0] - 0.15 * rim(p)[1], zero(p)),
        "cheekSquint": lambda p: (
            zero(p), 0.9 * cheek(p) + 0.25 * rim(p)[1], 0.45 * cheek(p)),
        "noseSneer": lambda p: (zero(p), sneer(p), 0.3 * _spot(p, sx * 1.3, 0.3, 1.1, 1.4)),
        "mouthUpperUp": lambda p: (zero(p), 1.0 * upper(p), 0.15 * upper(p)),
        "mouthLowerDown": lambda p: (zero(p), -1.0 * lower(p), zero(p)),
        "mouthSmile": lambda p: (
            1.0 * sx * corner(p), 1.1 * corner(p) + 0.2 * cheek(p), 0.3 * cheek(p) - 0.4 * corner(p)),
        "mouthFrown": lambda p: (zero(p), -1.0 * corner(p), zero(p)),
        "mouthDimple": lambda p: (0.5 * sx * corner(p), 0.1 * corner(p), -1.0 * corner(p)),
        "mouthStretch": lambda p: (1.2 * sx * corner(p), -0.35 * corner(p), -0.2 * corner(p)),
        "mouthPress": lambda p: (zero(p), 0.3 * (lower(p) - upper(p)), -0.4 * (lower(p) + upper(p))),
    }  # fmt: skip
    letter = "L" if side > 0 else "R"
    return {f"{name}_{letter}": field for name, field in fields.items()}


def _middle() -> dict[str, Field]:
    """Shapes without sides."""

    def mouth(p: Place) -> np.ndarray:
        return _spot(p, 0, MOUTH_Y, 3.0, 1.7)

    def lips(p: Place) -> np.ndarray:
        return _spot(p, 0, MOUTH_Y, 2.6, 1.0)

    def chin(p: Place) -> np.ndarray:
        return _spot(p, 0, -5.8, 2.2, 1.4)

    def zero(p: Place) -> np.ndarray:
        return np.zeros_like(p.x)

    def shrug(p: Place) -> np.ndarray:
        return 0.9 * chin(p) + 0.6 * p.lower * lips(p)

    return {
        "jawOpen": lambda p: (zero(p), -3.0 * p.jaw, -0.7 * p.jaw),
        "jawForward": lambda p: (zero(p), zero(p), 1.2 * p.jaw),
        "jawLeft": lambda p: (1.2 * p.jaw, zero(p), zero(p)),
        "jawRight": lambda p: (-1.2 * p.jaw, zero(p), zero(p)),
        "mouthClose": lambda p: (zero(p), (2.1 * p.lower - 0.9 * p.upper) * mouth(p), zero(p)),
        "mouthPucker": lambda p: (-0.4 * p.x * mouth(p), zero(p), 0.9 * mouth(p)),
        "mouthFunnel": lambda p: (-0.35 * p.x * mouth(p), 0.7 * p.lip * lips(p), 0.9 * mouth(p)),
        "mouthRollUpper": lambda p: (zero(p), -0.35 * p.upper * lips(p), -0.7 * p.upper * lips(p)),
        "mouthRollLower": lambda p: (zero(p), 0.4 * p.lower * lips(p), -0.7 * p.lower * lips(p)),
        "mouthShrugLower": lambda p: (zero(p), shrug(p), 0.4 * chin(p)),
        "mouthShrugUpper": lambda p: (zero(p), 0.5 * p.upper * lips(p), 0.2 * p.upper * lips(p)),
    }


def shape_fields() -> dict[str, Field]:
    """All shapes by name."""
    return {**_sided(+1), **_sided(-1), **_middle()}


def identity_fields() -> list[Field]:
    """Components of identity, one standard deviation each."""

    def eyes(p: Place) -> np.ndarray:
        return _spot(p, EYE[0], EYE[1], 2.2, 1.6) + _spot(p, -EYE[0], EYE[1], 2.2, 1.6)

    def zero(p: Place) -> np.ndarray:
        return np.zeros_like(p.x)

    def low(p: Place) -> np.ndarray:
        return 1 / (1 + np.exp(1.2 * (p.y + 3)))

    return [
        lambda p: (0.04 * p.x, zero(p), zero(p)),
        lambda p: (zero(p), 0.04 * p.y, zero(p)),
        lambda p: (0.06 * p.x * low(p), zero(p), zero(p)),
        lambda p: (zero(p), -0.5 * low(p), zero(p)),
        lambda p: (zero(p), zero(p), 0.35 * _spot(p, 0, 0.6, 1.4, 1.8)),
        lambda p: (0.15 * p.x * _spot(p, 0, -0.5, 2.2, 1.4), zero(p), zero(p)),
        lambda p: (0.2 * np.sign(p.x) * eyes(p), zero(p), zero(p)),
        lambda p: (zero(p), 0.25 * eyes(p), zero(p)),
        lambda p: (0.1 * p.x * _spot(p, 0, MOUTH_Y, 3.2, 1.6), zero(p), zero(p)),
        lambda p: (zero(p), 0.2 * p.lip * _spot(p, 0, MOUTH_Y, 2.0, 1.2), zero(p)),
        lambda p: (zero(p), 0.3 * _spot(p, 3, 6.2, 3.5, 1.4) + 0.3 * _spot(p, -3, 6.2, 3.5, 1.4), zero(p)),
        lambda p: (zero(p), zero(p), 0.4 * _spot(p, 0, -6.8, 2.5, 1.6)),
    ]  # fmt: skip
