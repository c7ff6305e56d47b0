"""Read valence and arousal, both named, both in [-1, 1]. A bare pair has no order and is unread."""

import re
from typing import NamedTuple

from eval.read.labels import fail
from eval.read.lexicon import word_set
from eval.read.loose_json import under
from eval.read.numbers import unexplained
from eval.read.polarity import Finder, Polarity, Span, mentions
from eval.read.settle import Kind, settle
from eval.read.understood import not_understood
from eval.read.unit_values import number_of
from eval.read.words import EMOTIONS_IN_WORDS
from facellm.core.grammar import ParseFailure


class ValenceArousal(NamedTuple):
    """How pleasant and how awake a face looks; both in [-1, 1]."""

    valence: float
    arousal: float


_NAMES = {
    "valence": r"valence|valenz|valencia|感情価|效价|愉悦度",
    "arousal": r"arousal|erregung|activation|activación|覚醒度|唤醒度|激活度",
}
_SHORT = {"valence": "V", "arousal": "A"}
_RANGE = (
    r"(?:\s*[(\[](?:range|from|in)?\s*[+-]?1(?:\.0)?\s*(?:to|\.\.\.?|,|-|–)\s*\+?1(?:\.0)?[)\]])?"
)
_LINK = (
    r"\s*(?:(?:[:=≈~|(→]|->|is|as|to be|of|about|around|approximately|roughly|score|value|"
    r"at|liegt|bei|ist|est|de|es|slightly|mildly|moderately|very|positive|negative|neutral|low|high)\s*)*"
)
_NUMBER = r"([+-]?(?:[0-9]+(?:\.[0-9]+|,[0-9]+)?|\.[0-9]+))(?![0-9A-Za-z])"
_UNSURE = re.compile(r"\s*(?:%|/|[-–]\s*[0-9.]|(?:to|or|bis)\s+[+-]?[0-9.]|out of)")
_PATTERNS = {
    name: re.compile(
        rf"(?:(?<![A-Za-z])(?:{words}){_RANGE}{_LINK}|(?<![A-Za-z]){_SHORT[name]}\s*[:=]\s*)"
        + _NUMBER,
        re.I,
    )
    for name, words in _NAMES.items()
}
_MINUS = re.compile(r"\bminus\s+(?=[0-9.])", re.I)
SCALE = (-1, 1)
_KNOWN = word_set(
    """
    valence arousal value values score scores rate rating estimate estimated scale range
    dominance positive negative calm pleasant unpleasant around about approximately roughly
    while bei liegt wert
    """
).union(EMOTIONS_IN_WORDS)


def read_valence_arousal(text: str) -> ValenceArousal | ParseFailure:
    """Both values; a failure where one is missing, doubtful, outside [-1, 1] or given twice."""
    return settle(text, _KIND)


def _from_text(text: str) -> ValenceArousal | ParseFailure:
    text = _MINUS.sub("-", text)
    values = [_one(text, name) for name in _NAMES]
    for value in values:
        if isinstance(value, ParseFailure):
            return value
    read = ValenceArousal(*(v for v in values if isinstance(v, float)))
    if unexplained(text, SCALE) - set(read):
        return fail("other numbers beside valence and arousal")
    found = mentions(
        text, lambda sentence: sorted(s for f in _FINDERS.values() for s in f(sentence))
    )
    reason = not_understood(text, found, _KNOWN)
    return fail(reason) if reason else read


def _one(text: str, name: str) -> float | ParseFailure:
    found = set()
    for key, polarity in ((m.key, m.polarity) for m in mentions(text, _FINDERS[name])):
        if not key or polarity in (Polarity.DENIED, Polarity.OPEN):
            return fail(f"the {name} is no single number in [-1, 1]")
        found.add(number_of(key))
    if len(found) != 1:
        return fail(f"{len(found)} values of {name}; expected one")
    return _in_range(found.pop(), name)


def _finder(name: str) -> Finder:
    """Where a sentence gives this value; the key is the number, empty where it is no single one."""

    def find(sentence: str) -> list[Span]:
        return [
            Span(m.start(), m.end(), "" if _UNSURE.match(sentence, m.end()) else m[1])
            for m in _PATTERNS[name].finditer(sentence)
        ]

    return find


def _find(sentence: str) -> list[Span]:
    """Where a sentence gives either value."""
    return sorted(span for find in _FINDERS.values() for span in find(sentence))


def _in_range(value: float, name: str) -> float | ParseFailure:
    return value if -1.0 <= value <= 1.0 else fail(f"a {name} of {value:g} is outside [-1, 1]")


def _from_json(value: object) -> ValenceArousal | ParseFailure:
    values = []
    for name in _NAMES:
        given = list(under(value, (name,)))
        if len(given) != 1:
            return fail(f"the JSON has {len(given)} values of {name}; expected one")
        number = _as_number(given[0])
        if number is None:
            return fail(f"the {name} in the JSON is no number")
        checked = _in_range(number, name)
        if isinstance(checked, ParseFailure):
            return checked
        values.append(checked)
    return ValenceArousal(*values)


def _as_number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    match = re.fullmatch(_NUMBER, value.strip()) if isinstance(value, str) else None
    return number_of(match[1]) if match else None


_FINDERS = {name: _finder(name) for name in _NAMES}
_KIND: Kind[ValenceArousal] = Kind(
    from_text=_from_text, from_segment=_from_text, from_json=_from_json, cut=lambda text: text
)
