"""Which shapes an action unit moves, and what units force or forbid each other.

Written from FACS and from rendering every shape alone. Where our reading differs from the table
that ships with ICT-FaceKit:

- AU10 is mouthUpperUp: rendered alone it lifts the upper lip, squares it and deepens the fold
  beside the nose. mouthShrugUpper pushes the lip up from below with the fold unchanged, which is
  what the chin boss does to it in AU17, so it goes there.
- AU26 is jawOpen up to half, AU27 the whole of it. AU26 without AU25 is a dropped jaw behind
  closed lips: mouthClose takes back what jawOpen parts (`shape_weights`).
- AU23 and AU24 have no shape of their own in the rig: both are blends of roll and press, AU23
  mostly rolled (thinner lips), AU24 mostly pressed.
"""

from collections.abc import Mapping

from facellm.core.errors import FaceLLMError
from facellm.core.facs import EXCLUSIVE, MAX_INTENSITY

# Shape -> weight at intensity 5. A name without a side stands for both, `_L` and `_R`.
_PAIRED: dict[int, dict[str, float]] = {
    1: {"browInnerUp": 1.0},
    2: {"browOuterUp": 1.0},
    4: {"browDown": 1.0},
    5: {"eyeWide": 1.0},
    6: {"cheekSquint": 1.0, "cheekRaiser": 1.0, "eyeSquint": 0.25},
    7: {"eyeSquint": 1.0},
    9: {"noseSneer": 1.0},
    10: {"mouthUpperUp": 1.0},
    12: {"mouthSmile": 1.0},
    14: {"mouthDimple": 1.0},
    15: {"mouthFrown": 1.0},
    16: {"mouthLowerDown": 1.0},
    20: {"mouthStretch": 1.0},
    23: {"mouthPress": 0.3},
    24: {"mouthPress": 1.0},
    25: {"mouthLowerDown": 0.5, "mouthUpperUp": 0.15},
    43: {"eyeBlink": 1.0},
}
_SINGLE: dict[int, dict[str, float]] = {
    17: {"mouthShrugLower": 1.0, "mouthShrugUpper": 0.3},
    18: {"mouthPucker": 1.0},
    22: {"mouthFunnel": 1.0},
    23: {"mouthRollUpper": 0.45, "mouthRollLower": 0.45},
    24: {"mouthRollUpper": 0.15, "mouthRollLower": 0.15},
    25: {"jawOpen": 0.1},
    26: {"jawOpen": 0.5},
    27: {"jawOpen": 1.0},
    28: {"mouthRollUpper": 1.0, "mouthRollLower": 1.0},
    29: {"jawForward": 1.0},
    30: {"jawLeft": 1.0},
}
RIG_UNITS = tuple(sorted({*_PAIRED, *_SINGLE}))
"""The action units the rig can move; a frame labels all of them, 0.0 when absent."""

CONFLICTS = (
    *EXCLUSIVE,
    *(frozenset({a, b}) for a in (24, 28) for b in (10, 16, 22, 25, 26, 27)),
    *(frozenset({18, b}) for b in (12, 14, 20, 27)),
    *(frozenset({23, b}) for b in (16, 22, 27, 28)),
    frozenset({5, 43}),
    frozenset({7, 43}),
    frozenset({22, 28}),
    frozenset({20, 22}),
)
"""Pairs that the face cannot show together, or that hide each other."""

_PARTS_LIPS = {27: 1.0, 16: 0.6, 22: 0.6, 10: 0.5, 9: 0.3}
_CLOSED_UNTIL = 1.5
"""AU25 intensity at which a dropped jaw no longer keeps the lips together."""


def consistent(units: Mapping[int, float], keep: int | None = None) -> dict[int, float]:
    """Settle intensities so that the labels say what the picture shows.

    Of two units in conflict the weaker goes (never `keep`), and units that pull the lips apart
    bring AU25 with them. Absent units are left out; the result is in ascending order.
    """
    out = {au: min(MAX_INTENSITY, float(x)) for au, x in units.items() if x > 0}
    for pair in CONFLICTS:
        if pair <= out.keys():
            del out[min(pair, key=lambda au: (au == keep, out[au]))]
    parted = max((out.get(au, 0.0) * share for au, share in _PARTS_LIPS.items()), default=0.0)
    if parted > 0 and keep != 25 and not {24, 28} & out.keys():
        out[25] = max(out.get(25, 0.0), parted)
    return dict(sorted(out.items()))


def side_gains(asymmetry: float) -> tuple[float, float]:
    """Gains (left, right) of a lean in [-1, 1]: +1 acts on the subject's left side alone."""
    return min(1.0, 1.0 + asymmetry), min(1.0, 1.0 - asymmetry)


def shape_weights(
    units: Mapping[int, float], asymmetry: Mapping[int, float] | None = None
) -> dict[str, float]:
    """Shape weights in [0, 1] of action units at intensities 0-5.

    `asymmetry` leans a unit to one side (`side_gains`); units without sides ignore it, except
    AU30, whose sign chooses the side the jaw moves to. Shapes two units share add up, at most to 1.

    Raises:
        FaceLLMError: a unit the rig cannot move, or an intensity outside 0-5.
    """
    lean = asymmetry or {}
    out: dict[str, float] = {}
    for au, intensity in units.items():
        if au not in RIG_UNITS:
            known = " ".join(map(str, RIG_UNITS))
            raise FaceLLMError(f"the rig cannot move AU{au}; it moves {known}")
        if not 0.0 <= intensity <= MAX_INTENSITY:
            raise FaceLLMError(f"AU{au} has intensity {intensity}, expected 0 to {MAX_INTENSITY:g}")
        share = intensity / MAX_INTENSITY
        left, right = side_gains(lean.get(au, 0.0))
        for name, full in _PAIRED.get(au, {}).items():
            out[f"{name}_L"] = out.get(f"{name}_L", 0.0) + full * share * left
            out[f"{name}_R"] = out.get(f"{name}_R", 0.0) + full * share * right
        for name, full in _SINGLE.get(au, {}).items():
            if au == 30 and lean.get(30, 0.0) < 0:
                name = "jawRight"
            out[name] = out.get(name, 0.0) + full * share
    closed = 1.0 - min(1.0, units.get(25, 0.0) / _CLOSED_UNTIL)
    if closed > 0 and units.get(26, 0.0) > 0:
        out["mouthClose"] = closed * out["jawOpen"]
    return {name: min(1.0, weight) for name, weight in out.items()}
