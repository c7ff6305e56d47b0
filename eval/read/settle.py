"""From an answer's parts to one value: the loudest part that answers decides, alone.

Loudest first: answer tags, "final answer", JSON, "the answer is", then everything that was said.
Parts equally loud have to agree, and nothing may be taken back afterwards. All that was said is no
answer where the model withholds one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from eval.read.body import Body, body_of, failure
from eval.read.loose_json import BROKEN, split_json
from eval.read.understood import lead_obscure
from facellm.core.grammar import ParseFailure

T = TypeVar("T")
REACH = 2_000
"""Characters that the words behind a mark can take."""

CORRECTION = re.compile(
    r"\b(?:wait|actually|i mean|correction|on reflection|on second thoughts?|scratch that|"
    r"let me correct|i take that back|no, )",
    re.I,
)
_LINK = (
    r"(?:\s*(?:would be|should be|must be|'s|lautet|ist|is|est|es|هي|"
    r":|=|->|[-–](?=\s)|→|是|为|は))+\s*"
)
FINAL = re.compile(r"\bfinal (?:answer|label|prediction|verdict)" + _LINK, re.I)
ANSWER = re.compile(
    r"(?<![A-Za-z])(?:answer|antwort|réponse|(?:respuesta|opción)(?: correcta)?|"
    r"الإجابة(?: الصحيحة)?|答案|答え|"
    r"(?:correct|best|right) (?:option|choice|answer))" + _LINK
    + r"|\bI(?:'d| would|'ll| will)? (?:choose|pick|select|go with)\s+(?:for\s+)?",
    re.I,
)  # fmt: skip
_WITHHELD = (
    (
        re.compile(
            r"\bI(?:'m| am)? (?:unable|not (?:able|allowed|comfortable|going)|cannot|can't|can not|"
            r"won't|will not|could not|couldn't|refuse|decline|(?:would )?prefer not)\b(?: to)?"
            r"(?: \w+){0,2}? (?:answer|assess|assign|assist|choose|choosing|classify|code|comment|"
            r"decide|describe|determine|estimate|evaluate|guess|help|identify|infer|interpret|judge|"
            r"label|provide|rate|read|recogni[sz]e|say|speculate|tell)\b"
            r"(?! (?:any|an?|the presence|(?:clear )?signs?|evidence)\b)",
            re.I,
        ),
        "the answer is refused",
    ),
    (
        re.compile(
            r"\btoo \w+ to (?:judge|tell|say|see|determine|assess|read|make out|identify|"
            r"recogni[sz]e|estimate)\b",
            re.I,
        ),
        "the answer is said to be out of sight",
    ),
    (re.compile(r"\bI (?:disagree|(?:do not|don't) agree)\b", re.I), "the answer is disowned"),
    (
        re.compile(
            r"\b(?:no,? )?wait\b|\bscratch that\b|\bI mean\b|"
            r"\bon (?:second thoughts?|reflection)\b|\bcorrection:|"
            r"\blet me (?:correct|re-?check|look again)\b|\bI take that back\b",
            re.I,
        ),
        "the answer is taken back or still thought over",
    ),
    (
        re.compile(
            r"\b(?:is|are|see|find|detect) no (?:human |visible )?faces?\b|"
            r"\bno (?:human |visible )?faces? (?:is|are|can)\b|"
            r"(?:\bnot|n't) (?:see|find|detect) (?:a|any) (?:human |visible )?faces?\b",
            re.I,
        ),
        "the answer says that there is no face",
    ),
    (
        re.compile(
            r"\b(?:just (?:kidding|joking)|ignore (?:that|this|what)|or (?:maybe|perhaps) not|"
            r"the opposite|quite the contrary|"
            r"(?:that|this)(?: is|'s) (?:wrong|incorrect|untrue|not (?:right|true|correct)))\b",
            re.I,
        ),
        "the answer is disowned",
    ),
    (
        re.compile(r"[0-9]\s*%[\s\S]{0,400}?[0-9]\s*%"),
        "percentages are spread over several answers",
    ),
)
"""What makes all that was said no answer, unless a mark or a tag singles one out."""
_SENTENCE = re.compile(r"[.!](?=\s|$)|[?。！？;\n]")


def first_sentence(text: str) -> str:
    """The text up to its first full stop, question mark included."""
    match = _SENTENCE.search(text)
    if match is None:
        return text
    return text[: match.end()] if match[0] in "?？" else text[: match.start()]


def first_line(text: str) -> str:
    """The text up to the end of its line."""
    return text.split("\n", 1)[0]


@dataclass(frozen=True)
class Kind(Generic[T]):
    """How one kind of answer is read. Functions return a failure for what they cannot read."""

    from_text: Callable[[str], T | ParseFailure]
    """Reads everything that was said."""
    from_segment: Callable[[str], T | ParseFailure]
    """Reads what stands behind a mark such as "Answer:"."""
    from_json: Callable[[object], T | ParseFailure]
    cut: Callable[[str], str] = first_sentence
    """How far the words behind a mark reach."""
    final: tuple[re.Pattern[str], ...] = (FINAL,)
    """Marks that outdo JSON and every other mark."""
    marks: tuple[re.Pattern[str], ...] = (ANSWER,)


def settle(text: str, kind: Kind[T]) -> T | ParseFailure:
    """Read an answer: its loudest part, if what is equally loud agrees."""
    body = body_of(text)
    if isinstance(body, ParseFailure):
        return body
    for parts, after in _loudest_first(body, kind):
        if parts:
            return _agreed(parts, after, kind, text)
    if reason := withheld(body.text):
        return failure(reason, text)
    value = kind.from_text(body.text)
    return failure(value.reason, text) if isinstance(value, ParseFailure) else value


def withheld(said: str) -> str | None:
    """Why all that was said is no answer: it is refused, disowned or still thought over."""
    return next((reason for pattern, reason in _WITHHELD if pattern.search(said)), None)


def _loudest_first(body: Body, kind: Kind[T]) -> Iterator[tuple[Sequence[object], str]]:
    """The parts of each loudness, with the text that follows them."""
    yield [_value(part) for part in body.tagged], ""
    yield _marked(body.text, kind.final, kind)
    yield body.json, body.after_json
    yield _marked(body.text, kind.marks, kind)


def _value(part: str) -> object:
    values, rest, _ = split_json(part)
    return values[0] if len(values) == 1 and not rest.strip() else part


def _marked(text: str, marks: Sequence[re.Pattern[str]], kind: Kind[T]) -> tuple[list[object], str]:
    found: list[object] = []
    end = 0
    for mark in marks:
        for match in mark.finditer(text):
            segment = kind.cut(text[match.end() : match.end() + REACH])
            if not segment.strip() or any(other.match(segment) for other in marks):
                continue
            lead = _SENTENCE.split(text[max(0, match.start() - REACH) : match.start()])[-1]
            word = lead_obscure(lead)
            reason = f"the mark of the answer is not understood: {word!r}"
            found.append(ParseFailure(reason=reason, text="") if word else segment)
            end = max(end, match.end() + len(segment))
    return found, text[end:] if found else ""


def _agreed(parts: Sequence[object], after: str, kind: Kind[T], text: str) -> T | ParseFailure:
    values: list[T] = []
    for part in parts:
        value = _read(part, kind)
        if isinstance(value, ParseFailure):
            return failure(value.reason, text)
        if value not in values:
            values.append(value)
    if len(values) > 1:
        return failure(f"{len(values)} answers that differ", text)
    if CORRECTION.search(after):
        return failure("the answer is taken back afterwards", text)
    return values[0]


def _read(part: object, kind: Kind[T]) -> T | ParseFailure:
    if part == BROKEN:
        return ParseFailure(reason="the answer holds JSON that cannot be read", text="")
    if isinstance(part, ParseFailure):
        return part
    if isinstance(part, str):
        return kind.from_segment(part)
    return kind.from_json(part)
