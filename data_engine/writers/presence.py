"""Units coded as present or absent alone: nobody knows how strong they are, so no text states it.

Labels give such a unit a number that stands for "present" (`FaceLabels.presence_only`). Texts cite
it without a word, `(AU12)`; it is compared with a face in which it is absent, never with another
in which it acts; and answers that must hold a number, the JSON of intensities, are not written.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from facellm.core.facs import INTENSITY_WORDS
from facellm.core.sample import FaceLabels
from facellm.tasks.reasoning import ABSENT_BELOW
from facellm.tasks.units import LISTED_FROM

RATED_TASKS = ("action_units", "region_question")
"""Tasks whose JSON is made of intensities."""
QUESTIONS = (
    "which of {units} {does} {who} show?", "can you see {units}?", "which of {units} act?",
    "which of {units} are visible in {face}?", "look for {units}. which are there?",
)  # fmt: skip
_WORDED = re.compile(rf"\(AU(\d+), (?:{'|'.join(INTENSITY_WORDS)})((?:, (?:left|right))?)\)")


def unrated(labels: FaceLabels) -> frozenset[int]:
    """The units that act, nobody knows how strongly."""
    if not labels.presence_only:
        return labels.presence_only
    known = labels.action_units or {}
    return frozenset(n for n in labels.presence_only if known.get(n, 0.0) >= LISTED_FROM)


def without_words(text: str, faces: Sequence[FaceLabels]) -> str:
    """The text with `(AU12, slight)` as `(AU12)` for units that are unrated in any of the faces."""
    units: Collection[int] = frozenset().union(*map(unrated, faces))
    if not units:
        return text
    return _WORDED.sub(lambda m: f"(AU{m[1]}{m[2]})" if int(m[1]) in units else m[0], text)


def comparable(units: Iterable[int], first: FaceLabels, second: FaceLabels) -> list[int]:
    """Those of the units, all labelled in both faces, whose values can be compared."""
    alone = unrated(first) | unrated(second)
    known = [labels.action_units or {} for labels in (first, second)]
    return [n for n in units if n not in alone or min(values[n] for values in known) < ABSENT_BELOW]
