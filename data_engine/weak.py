"""Weak action-unit labels from MediaPipe's blendshape scores, with their known blind spots.

A score is a tool's opinion: labels made here are marked weak and never mixed with exact or human
ones. Zero points and full scales were read off 2,674 press photographs: a unit is absent up to
`zero` (about the 90th percentile of faces people called neutral) and at its maximum from `full`
on. Units whose shapes stay at zero on real faces (cheekSquint: AU6, noseSneer: AU9), hardly move
(eyeWide: AU5) or follow the smile instead of their own muscle (mouthStretch: AU20,
mouthUpperUp: AU10) are left unlabelled.
"""

from collections.abc import Mapping
from typing import NamedTuple

from facellm.core.facs import MAX_INTENSITY


class Scale(NamedTuple):
    """Which scores a unit is read from (the strongest counts) and their range."""

    shapes: tuple[str, ...]
    zero: float
    full: float


SCALES: dict[int, Scale] = {
    1: Scale(("browInnerUp",), 0.2, 0.9),
    2: Scale(("browOuterUpLeft", "browOuterUpRight"), 0.25, 0.9),
    4: Scale(("browDownLeft", "browDownRight"), 0.25, 0.9),
    12: Scale(("mouthSmileLeft", "mouthSmileRight"), 0.07, 0.95),
    15: Scale(("mouthFrownLeft", "mouthFrownRight"), 0.06, 0.5),
    25: Scale(
        ("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
         "jawOpen"), 0.15, 0.9,
    ),
    26: Scale(("jawOpen",), 0.1, 0.7),
    43: Scale(("eyeBlinkLeft", "eyeBlinkRight"), 0.45, 0.9),
}  # fmt: skip


def weak_units(blendshapes: Mapping[str, float]) -> dict[int, float] | None:
    """Intensities 0-5 of the units in `SCALES`; None where the tool gave no scores at all."""
    if not blendshapes:
        return None
    units = {}
    for number, scale in SCALES.items():
        score = max(blendshapes.get(shape, 0.0) for shape in scale.shapes)
        share = (score - scale.zero) / (scale.full - scale.zero)
        units[number] = round(MAX_INTENSITY * min(1.0, max(0.0, share)), 2)
    return units
