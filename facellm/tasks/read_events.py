"""Which facial events a text tells: `0.8–1.6 s: smile onset (AU12, marked), apex at 1.6 s`.

An event is a citation in a sentence or line; its time is the one that goes with it there. Units
that are said to be absent are none, and so are lines about offsets, which cite nothing.
"""

import re

from pydantic import Field

from facellm.core.grammar import CITATION, ParseFailure
from facellm.core.read_prose import parse_prose, sentences
from facellm.core.sample import Record

_TIME = r"(?P<{}>[0-9]{{1,4}}(?:\.[0-9]{{1,3}})?)"
_AT = re.compile(
    rf"{_TIME.format('time')}(?: ?[–-] ?[0-9]{{1,4}}(?:\.[0-9]{{1,3}})?)? ?(?:s|seconds?)\b"
)
_APEX = re.compile(
    rf"\b(?:apex|peak(?:s|ing)?|strongest)(?: of AU[0-9]+)? (?:is )?at {_TIME.format('time')} ?s\b"
)
_ITS_STRONGEST = re.compile(r"\bits strongest\b", re.I)
_NAMED_PEAK = re.compile(rf"\bAU(?P<unit>[1-9][0-9]?) peaks at {_TIME.format('time')} ?s\b")
_UNDER_WAY = re.compile(
    r"\b(?:under way|from the first frame|at the start|before the start)\b", re.I
)
_CITED = re.compile(CITATION)
_QUIET = re.compile(
    r"\bface is at rest\b|\bnothing on the face (?:moves|stands out)\b"
    r"|\bno (?:facial )?(?:events?|movements?)\b",
    re.I,
)


class ToldEvent(Record):
    """One unit acting once, as far as an answer says; times in seconds."""

    action_unit: str = Field(pattern=r"^AU[1-9][0-9]?$")
    """FACS code."""
    onset: float | None = Field(default=None, ge=0)
    """None: from the first frame on, or unsaid."""
    apex: float | None = Field(default=None, ge=0)
    offset: float | None = Field(default=None, ge=0)
    intensity: float | None = Field(default=None, ge=0, le=5)


class Told(Record):
    """What a text tells of a clip."""

    events: tuple[ToldEvent, ...] = ()
    absent: tuple[int, ...] = ()
    """Units that are said not to act."""


def read_events(text: str) -> Told | ParseFailure:
    """Read the events of a text in the order in which they begin; a failure where none is told."""
    thought = parse_prose(text)
    if isinstance(thought, ParseFailure) and "stated and said to be absent" in thought.reason:
        return thought
    found: list[tuple[float, ToldEvent]] = []
    peaks: dict[str, float] = {}
    absent: set[int] = set()
    for sentence in sentences(text):
        read = parse_prose(sentence)
        if isinstance(read, ParseFailure):
            return ParseFailure(reason=read.reason, text=text)
        absent |= set(read.absent)
        for match in _NAMED_PEAK.finditer(sentence):
            peaks[f"AU{match['unit']}"] = float(match["time"])
        cited = [m for m in _CITED.finditer(sentence) if int(m[1][2:]) in read.units]
        alone, start = len(cited) == 1, 0
        for match in cited:
            part = sentence if alone else sentence[start : match.end()]
            begun, start = found[-1][0] if found else -1.0, match.end()
            found.append(_event(match[1], part, alone, begun, read.units[int(match[1][2:])]))
    events = tuple(
        event if event.apex is not None or event.action_unit not in peaks
        else event.model_copy(update={"apex": peaks[event.action_unit]})
        for _, event in sorted(found, key=lambda pair: pair[0])
    )  # fmt: skip
    events += tuple(
        ToldEvent(action_unit=code, apex=time)
        for code, time in peaks.items()
        if code not in {event.action_unit for event in events}
    )
    if not events and not absent and not _QUIET.search(text):
        return ParseFailure(reason="no facial event is told", text=text)
    return Told(events=events, absent=tuple(sorted(absent)))


def _event(
    code: str, part: str, alone: bool, before: float, intensity: float | None
) -> tuple[float, ToldEvent]:
    """An event with when it begins; without a time of its own it follows the one before."""
    apex = _APEX.search(part)
    times = [m for m in _AT.finditer(part) if apex is None or m.start("time") != apex.start("time")]
    top = None if apex is None else float(apex["time"])
    onset = None
    if _UNDER_WAY.search(part):
        before = -1.0
    elif _ITS_STRONGEST.search(part) and times:
        top = float(times[0]["time"])
    elif times:
        onset = before = float((times[0] if alone else times[-1])["time"])
    elif apex is None and before >= 0:
        onset = before
    return before, ToldEvent(action_unit=code, onset=onset, apex=top, intensity=intensity)
