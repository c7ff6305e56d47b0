"""Weak action-unit labels from MediaPipe's blendshape scores, with their known blind spots.

A score is a tool's opinion: labels made here are marked weak and never mixed with exact or human
ones. `SHAPE_UNITS` says which units every ARKit shape is about, `READINGS` which units can be read
off the scores and how far each reading is to be believed, `BLIND` which cannot and why.

Zero points and full scales were read off 2,674 press photographs: a unit is absent up to `zero`
(about the 90th percentile of faces people called neutral) and at its maximum from `full` on.

A reading's confidence is 2 · AUC - 1 (0: no better than chance), AUC being how well the score tells
presence from absence: on 1,973 rendered faces with exact intensities, or, where higher, on
photographs called by an emotion whose prototype has the unit against those called neutral
(surprise: AU1, AU26; happiness: AU12; sadness: AU15). Neither is a human coding of real faces.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from facellm.core.errors import FaceLLMError
from facellm.core.facs import MAX_INTENSITY, unit


class Scale(NamedTuple):
    """Which scores a unit is read from (the strongest counts), their range, and their worth."""

    shapes: tuple[str, ...]
    zero: float
    full: float
    confidence: float


SCALES: dict[int, Scale] = {
    1: Scale(("browInnerUp",), 0.2, 0.9, 0.52),
    2: Scale(("browOuterUpLeft", "browOuterUpRight"), 0.25, 0.9, 0.48),
    4: Scale(("browDownLeft", "browDownRight"), 0.25, 0.9, 0.2),
    12: Scale(("mouthSmileLeft", "mouthSmileRight"), 0.07, 0.95, 0.9),
    15: Scale(("mouthFrownLeft", "mouthFrownRight"), 0.06, 0.5, 0.38),
    25: Scale(
        ("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
         "jawOpen"), 0.15, 0.9, 0.86,
    ),
    26: Scale(("jawOpen",), 0.1, 0.7, 0.74),
    43: Scale(("eyeBlinkLeft", "eyeBlinkRight"), 0.45, 0.9, 0.7),
}  # fmt: skip
"""The units that are labelled unless others are asked for."""

READINGS: dict[int, Scale] = SCALES | {
    16: Scale(("mouthLowerDownLeft", "mouthLowerDownRight"), 0.25, 0.9, 0.58),
    17: Scale(("mouthShrugLower",), 0.1, 0.6, 0.46),
    18: Scale(("mouthPucker",), 0.35, 0.9, 0.76),
    28: Scale(("mouthRollLower", "mouthRollUpper"), 0.25, 0.55, 0.84),
}
"""Every unit that can be read. Those beyond `SCALES` were calibrated like them, but few photographs
show them and AU28's confidence rests on 29 rendered faces."""

BLIND: dict[int, str] = {
    5: "eyeWide hardly moves: 0.18 at the 99th percentile of photographs",
    6: "cheekSquint stays at zero on real faces",
    7: "eyeSquint tells tightened lids no better than chance (rendered faces: AUC 0.49)",
    9: "noseSneer stays at zero on real faces",
    10: "mouthUpperUp follows the smile (AUC 0.87 for happiness, which lacks this unit)",
    14: "mouthDimple hardly moves: 0.18 at the 99th percentile of photographs",
    20: "mouthStretch follows the smile (AUC 0.83 for happiness, which lacks this unit)",
    22: "mouthFunnel hardly moves: 0.07 at the 99th percentile of photographs",
    23: "no shape of its own; mouthPress barely answers to it (rendered faces: AUC 0.61)",
    24: "mouthPress barely answers to it (rendered faces: AUC 0.61)",
    27: "jawOpen does not tell a stretched mouth from a dropped jaw: both are read as AU26",
    29: "not measured: neither set shows a thrust jaw",
    30: "not measured: neither set shows a jaw moved sideways",
}
"""Units with an ARKit shape that are left unlabelled all the same, and why."""

BEYOND: dict[int, str] = {
    19: "Tongue Show", 34: "Puff",
    61: "Eyes Turn Left", 62: "Eyes Turn Right", 63: "Eyes Up", 64: "Eyes Down",
}  # fmt: skip
"""FACS numbers that shapes are about but `facellm.core.facs` does not hold; never labelled."""

_PAIRED: dict[str, tuple[int, ...]] = {
    "browDown": (4,), "browOuterUp": (2,),
    "cheekSquint": (6,), "eyeSquint": (7,), "eyeWide": (5,),
    "eyeBlink": (43, 45),
    "eyeLookUp": (63,), "eyeLookDown": (64,),
    "mouthSmile": (12,), "mouthFrown": (15,), "mouthDimple": (14,), "mouthStretch": (20,),
    "mouthPress": (23, 24), "mouthLowerDown": (16, 25), "mouthUpperUp": (10, 25),
    "noseSneer": (9,),
}  # fmt: skip

SHAPE_UNITS: dict[str, tuple[int, ...]] = {
    **{stem + side: units for stem, units in _PAIRED.items() for side in ("Left", "Right")},
    "browInnerUp": (1,),
    # In is towards the nose: the left eye looking in turns to the subject's right.
    "eyeLookOutLeft": (61,), "eyeLookInRight": (61,),
    "eyeLookOutRight": (62,), "eyeLookInLeft": (62,),
    "cheekPuff": (34,),
    "jawOpen": (25, 26, 27), "jawForward": (29,), "jawLeft": (30,), "jawRight": (30,),
    "mouthFunnel": (22,), "mouthPucker": (18,), "mouthShrugLower": (17,),
    "mouthRollLower": (28,), "mouthRollUpper": (28,),
    "tongueOut": (19,),
    # No unit of their own: closing the lips over an open jaw takes back AU25, the upper lip's
    # shrug is AU17 pushing it up, and the whole mouth's shift has no number in FACS.
    "mouthClose": (), "mouthShrugUpper": (), "mouthLeft": (), "mouthRight": (),
}  # fmt: skip
"""ARKit's 52 shapes (MediaPipe gives all but tongueOut) → the units each is about. Left and right
are the subject's in both systems; FACS numbers one-sided action alike."""


def weak_units(
    blendshapes: Mapping[str, float], units: Iterable[int] | None = None
) -> dict[int, float] | None:
    """Intensities 0-5 of units; None where the tool gave no scores at all.

    Args:
        blendshapes: ARKit shape → score in [0, 1]; a shape that is missing counts as 0.
        units: units to read, those of `SCALES` if left out.

    Raises:
        FaceLLMError: a unit that cannot be read off blendshapes.
    """
    scales = SCALES if units is None else {number: reading(number) for number in units}
    if not blendshapes:
        return None
    read = {}
    for number, scale in scales.items():
        score = max(blendshapes.get(shape, 0.0) for shape in scale.shapes)
        share = (score - scale.zero) / (scale.full - scale.zero)
        read[number] = round(MAX_INTENSITY * min(1.0, max(0.0, share)), 2)
    return read


def reading(number: int) -> Scale:
    """How a unit is read off the scores.

    Raises:
        FaceLLMError: a unit that is none, has no shape or is known to be misread.
    """
    if number in READINGS:
        return READINGS[number]
    why = BLIND.get(unit(number).number, "no shape shows it")
    readable = " ".join(str(n) for n in sorted(READINGS))
    raise FaceLLMError(f"AU{number} cannot be read off blendshapes: {why}; readable: {readable}")
