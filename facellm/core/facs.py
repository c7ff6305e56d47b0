"""The Facial Action Coding System: action units, intensities and the named protocols.

Intensity is a float in [0, 5]; the FACS letters A-E are 1-5 and the words below name the same
five steps. Presence means an intensity of at least `PRESENT`, unless a protocol differs.
Source: Ekman, Friesen & Hager, FACS (2002).
"""

from dataclasses import dataclass
from typing import NamedTuple

from facellm.core.errors import FaceLLMError, given

MAX_INTENSITY = 5.0
PRESENT = 2.0  # DISFA's rule: B or stronger counts as present
INTENSITY_WORDS = ("trace", "slight", "marked", "pronounced", "maximum")  # A-E


@dataclass(frozen=True)
class ActionUnit:
    """One action unit: what moves, which muscles move it and where on the face it shows."""

    number: int
    name: str
    muscles: str
    regions: tuple[str, ...]
    """Regions of `facellm.core.regions` in which it acts, the most telling first."""
    phrase: str
    """What a person sees, as a clause that fits after the region's name."""
    unilateral: bool = False
    """Whether it commonly acts on one side of the face alone."""

    @property
    def code(self) -> str:
        """The short form used in text and JSON, such as `AU12`."""
        return f"AU{self.number}"


BROWS = ("right_brow", "left_brow")
EYES = ("right_eye", "left_eye")
CHEEKS = ("right_cheek", "left_cheek")
FOLDS = ("right_nasolabial", "left_nasolabial")

ACTION_UNITS: dict[int, ActionUnit] = {
    au.number: au
    for au in (
        ActionUnit(1, "Inner Brow Raiser", "frontalis, pars medialis",
                   (*BROWS, "forehead", "glabella"), "inner corners raised"),
        ActionUnit(2, "Outer Brow Raiser", "frontalis, pars lateralis",
                   (*BROWS, "forehead"), "outer ends raised", True),
        ActionUnit(4, "Brow Lowerer", "corrugator, depressor supercilii, procerus",
                   (*BROWS, "glabella"), "lowered and drawn together"),
        ActionUnit(5, "Upper Lid Raiser", "levator palpebrae superioris",
                   EYES, "upper lids raised"),
        ActionUnit(6, "Cheek Raiser", "orbicularis oculi, pars orbitalis",
                   (*CHEEKS, *EYES), "raised towards the eyes", True),
        ActionUnit(7, "Lid Tightener", "orbicularis oculi, pars palpebralis",
                   EYES, "lids tightened", True),
        ActionUnit(9, "Nose Wrinkler", "levator labii superioris alaeque nasi",
                   ("nose", "glabella", *FOLDS), "wrinkled", True),
        ActionUnit(10, "Upper Lip Raiser", "levator labii superioris",
                   ("mouth", *FOLDS), "upper lip raised", True),
        ActionUnit(11, "Nasolabial Deepener", "zygomaticus minor", FOLDS, "deepened", True),
        ActionUnit(12, "Lip Corner Puller", "zygomaticus major",
                   ("mouth", *FOLDS, *CHEEKS), "corners pulled up", True),
        ActionUnit(13, "Sharp Lip Puller", "levator anguli oris",
                   ("mouth", *CHEEKS), "corners pulled sharply up", True),
        ActionUnit(14, "Dimpler", "buccinator", ("mouth",), "corners tightened inwards", True),
        ActionUnit(15, "Lip Corner Depressor", "depressor anguli oris",
                   ("mouth", "chin"), "corners pulled down", True),
        ActionUnit(16, "Lower Lip Depressor", "depressor labii inferioris",
                   ("mouth", "chin"), "lower lip pulled down"),
        ActionUnit(17, "Chin Raiser", "mentalis", ("chin", "mouth"), "pushed up"),
        ActionUnit(18, "Lip Pucker", "incisivii labii", ("mouth",), "lips puckered"),
        ActionUnit(20, "Lip Stretcher", "risorius with platysma",
                   ("mouth",), "lips stretched sideways"),
        ActionUnit(22, "Lip Funneler", "orbicularis oris", ("mouth",), "lips funnelled"),
        ActionUnit(23, "Lip Tightener", "orbicularis oris", ("mouth",), "lips tightened"),
        ActionUnit(24, "Lip Pressor", "orbicularis oris", ("mouth",), "lips pressed together"),
        ActionUnit(25, "Lips Part", "depressor labii, relaxation of mentalis or orbicularis oris",
                   ("mouth", "inner_mouth"), "lips parted"),
        ActionUnit(26, "Jaw Drop", "masseter, relaxed",
                   ("inner_mouth", "jaw", "chin"), "opened by a dropped jaw"),
        ActionUnit(27, "Mouth Stretch", "pterygoids, digastric",
                   ("inner_mouth", "jaw"), "stretched wide open"),
        ActionUnit(28, "Lip Suck", "orbicularis oris", ("mouth",), "lips sucked in"),
        ActionUnit(29, "Jaw Thrust", "pterygoids", ("jaw",), "pushed forward"),
        ActionUnit(30, "Jaw Sideways", "pterygoids", ("jaw",), "moved sideways"),
        ActionUnit(43, "Eyes Closed", "levator palpebrae superioris, relaxed",
                   EYES, "closed", True),
        ActionUnit(45, "Blink", "levator palpebrae superioris, relaxed", EYES, "blinking"),
    )
}  # fmt: skip

EXCLUSIVE = (frozenset({26, 27}), frozenset({5, 43}), frozenset({43, 45}))
"""Units that cannot act together: the jaw either drops or stretches, a closed eye is not wide."""


class Protocol(NamedTuple):
    """A published choice of action units; a score without one cannot be compared."""

    units: tuple[int, ...]
    present_at: float
    """Intensity from which a unit counts as present."""


PROTOCOLS: dict[str, Protocol] = {
    "disfa12": Protocol((1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26), PRESENT),
    "disfa8": Protocol((1, 2, 4, 6, 9, 12, 25, 26), PRESENT),
    "bp4d12": Protocol((1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24), 1.0),
    "pyfeat20": Protocol(
        (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43), PRESENT
    ),
    "rig23": Protocol(
        (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43),
        PRESENT,
    ),
    "openface17r": Protocol((1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45), 1.0),
}


def unit(number: int) -> ActionUnit:
    """Look up an action unit by number.

    Raises:
        FaceLLMError: FACS numbers that this table does not hold.
    """
    try:
        return ACTION_UNITS[number]
    except KeyError:
        known = " ".join(str(n) for n in ACTION_UNITS)
        raise FaceLLMError(
            f"AU{number} is not an action unit of this table; known: {known}"
        ) from None


def unit_of(code: str) -> ActionUnit:
    """Look up an action unit by its code (`AU12`, `au12`, `AU06`).

    Raises:
        FaceLLMError: text that is no known code.
    """
    digits = code.strip().upper().removeprefix("AU")
    if not (digits.isascii() and digits.isdigit()):
        raise FaceLLMError(f"{given(code)} is not an action unit; expected a code such as 'AU12'")
    return unit(int(digits))


def intensity_word(intensity: float) -> str:
    """Name an intensity in (0, 5] by the nearest of the five steps; under 1 it is a trace."""
    if not 0.0 < intensity <= MAX_INTENSITY:
        raise FaceLLMError(f"intensity {intensity} is outside (0, {MAX_INTENSITY:g}]")
    return INTENSITY_WORDS[min(5, max(1, int(intensity + 0.5))) - 1]


def intensity_of(word: str) -> float:
    """The intensity (1-5) that a word names, the inverse of `intensity_word` on whole steps."""
    try:
        return float(INTENSITY_WORDS.index(word.strip().lower()) + 1)
    except ValueError:
        raise FaceLLMError(
            f"{given(word)} is no intensity word; expected one of {', '.join(INTENSITY_WORDS)}"
        ) from None


def present(units: dict[int, float], present_at: float = PRESENT) -> dict[int, float]:
    """The units at or above the presence threshold, in ascending order."""
    return {n: units[n] for n in sorted(units) if units[n] >= present_at}
