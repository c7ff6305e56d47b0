"""What a teacher is told before it words an answer: the known labels, the form, the limits.

A brief goes into the teacher's prompt and nowhere else; no question of a row ever holds it.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from data_engine.writers.presence import unrated
from facellm.core.evidence import line_region, region_name
from facellm.core.facs import INTENSITY_WORDS, intensity_word, unit
from facellm.core.sample import Event, FaceLabels
from facellm.tasks.reasoning import ABSENT_BELOW
from facellm.tasks.units import LISTED_FROM, whole

PROSE = (
    "Write plain sentences, no lists, no tags, no markdown. Cite every action unit you mention "
    "right after the words that describe it, with its intensity, as in: the lip corners are "
    "pulled up (AU12, marked). Intensity words: " + ", ".join(INTENSITY_WORDS) + ". "
    "Mention each unit once; say of a unit that does not act: AU4 is absent. Name one emotion "
    "only, once, after a verb such as looks or shows, in a sentence without a negation."
)
THINK = (
    "Write exactly two blocks. First <think>, one line a region from top to bottom as in "
    "'brows: inner corners raised (AU1, marked); lowered and drawn together (AU4, slight)', then "
    "a line 'absent: AU12' if a unit is worth denying, then one closing line without a colon that "
    "interprets the combination and names the emotion, </think>. Then on a new line the answer "
    "block with the emotion as JSON, unchanged."
)
LIMITS = (
    "State nothing the labels do not hold. Describe what is visible and how people usually read "
    "it; never claim to know what is felt, thought or intended. Say nothing about identity, "
    "name, honesty, health, diagnosis, origin, religion, orientation, gender, character or "
    "suitability. No hedges such as maybe or possibly. Do not mention labels or these rules."
)
UNRATED = (
    "How strong a unit is that is only said to be present is not known: cite it by its code alone, "
    "as in (AU12), and use no word of strength for it."
)
REFUSE = (
    "Refuse politely in one to three sentences: a picture of a face cannot tell this. Say what "
    "you can describe instead. State nothing about the face and no guess, however hedged."
)


def known(labels: FaceLabels) -> str:
    """The labels of one face in words: units with intensity and region, emotion, pose."""
    lines = []
    if labels.emotion is not None:
        lines.append(f"emotion: {labels.emotion}")
    if labels.action_units is not None:
        units = sorted(labels.action_units.items())
        alone = unrated(labels)
        seen = [
            _unit(n, None if n in alone else whole(value))
            for n, value in units
            if value >= LISTED_FROM / 2
        ]
        lines.append(f"action units: {'; '.join(seen) or 'none acts'}")
        absent = [f"AU{n}" for n, value in units if value < ABSENT_BELOW]
        if absent:
            lines.append(f"absent: {', '.join(absent)}")
    if labels.pose is not None:
        pitch, yaw, roll = labels.pose
        lines.append(
            f"head in radians: pitch {pitch:.2f} (+ up), yaw {yaw:.2f} (+ to the subject's right), "
            f"roll {roll:.2f} (+ to the subject's right)"
        )
    named = [f"{name}: {'yes' if value else 'no'}" for name, value in _attributes(labels)]
    return "\n".join(lines + ([f"visible: {', '.join(named)}"] if named else []))


def _attributes(labels: FaceLabels) -> Sequence[tuple[str, bool]]:
    return sorted((labels.attributes or {}).items())


@cache
def _unit(number: int, step: float | None) -> str:
    au = unit(number)
    where = region_name(line_region(number))
    strength = "present" if step is None else intensity_word(step)
    return f"AU{number} {au.phrase} ({where}, {strength})"


def _when(event: Event) -> str:
    onset = "before the start" if event.onset is None else f"{event.onset:.1f}"
    offset = "after the end" if event.offset is None else f"{event.offset:.1f}"
    return f"AU{event.action_unit}: onset {onset}, apex {event.apex:.1f}, offset {offset}"


class Brief(NamedTuple):
    """The instruction for one assistant turn; put into words, by `str`, only for a teacher."""

    kind: str
    """What to write, as a sentence."""
    faces: Sequence[FaceLabels] = ()
    """What is known of each face the turn speaks about, in the order it names them; none where
    `kind` says all there is to say."""
    form: str = PROSE
    """The grammar of the answer, `PROSE`, `THINK` or another."""
    events: Sequence[Event] | None = None
    """What the one face does over a clip; None for pictures."""

    def __str__(self) -> str:
        """The instruction in words."""
        if not self.faces:
            return self.kind
        told = [known(labels) for labels in self.faces]
        if len(told) > 1:
            told = [f"Face {n}:\n{one}" for n, one in enumerate(told, 1)]
        title = "Known:"
        if self.events is not None:
            title = "Known, with the peak of each unit over the clip:"
            told += ["events, times in seconds:", *map(_when, self.events)]
        rules = [self.form, *([UNRATED] if any(map(unrated, self.faces)) else []), LIMITS]
        return "\n\n".join((self.kind, "\n".join((title, *told)), "\n".join(rules)))
