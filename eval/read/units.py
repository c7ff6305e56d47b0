"""Read action units: which ones an answer states, how strongly, and which it calls absent."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from eval.read.labels import fail
from eval.read.numbers import unexplained
from eval.read.polarity import Polarity, Span, mentions, sentences
from eval.read.settle import Kind, first_line, settle
from eval.read.understood import not_understood
from eval.read.unit_values import BESIDE, Value, listed_units, value_behind
from eval.read.units_json import units_from_json
from facellm.core.facs import ACTION_UNITS
from facellm.core.grammar import ParseFailure

FACS_NUMBERS = frozenset(ACTION_UNITS) | {
    8, 19, 21, *range(31, 40), 41, 42, 44, 46, *range(51, 67), 69
}  # fmt: skip
"""Every number that FACS defines; models may state more units than our table describes."""

_PREFIX = r"(?:AUs?|(?:facial )?action units?|(?:active|visible) units?(?=\s*:))"
_CODE = re.compile(
    rf"(?<![A-Za-z0-9])(?:{_PREFIX}|(?<!in)(?:active|present)(?=\s*:))\s*[:#_-]?\s*\[?\s*"
    r"([0-9]+)(?:([A-E])|[LR])?(?![A-Za-z0-9]|\.[0-9])",
    re.I,
)
_MORE = re.compile(
    r"\s*(?:,\s*(?:and\b)?|\+|&|\band\b|\bund\b|\bet\b|、)\s*([0-9]+)([A-E])?"
    r"(?=\s*(?:[,+;.)\]、&|]|\band\b|\bund\b|\bet\b|\b(?:is|are)\b|\n|\Z))"
)
_NAMES = {
    au.name.lower(): n for n, au in ACTION_UNITS.items() if au.name not in ("Blink", "Dimpler")
}
_NAME = re.compile(rf"(?<![\w])(?:{'|'.join(sorted(_NAMES, key=len, reverse=True))})(?![\w])", re.I)
_NOTHING = re.compile(
    r"\A\W*(?:none|nothing|\[\s*\]|\{\s*\}|(?:there (?:are|is) )?no (?:active )?"
    r"(?:AUs?|action units?)(?: (?:is|are))?(?: (?:active|visible|present|detected))?)\W*\Z",
    re.I,
)
_NO_UNITS = re.compile(
    r"\b(?:no|none of the|keine|aucune|ninguna) (?:\w+ )?(?:AUs?|action units?|"
    r"aktionseinheit(?:en)?|unités? d'action|unidad(?:es)? de acción)\b(?!\s*[0-9])|"
    r"(?:未|没有)[^。\n]*AU(?!\s*[0-9])",
    re.I,
)
_RANGE = re.compile(rf"\A(?:[-–]|/|\s*/\s*)\s*{_PREFIX}?\s*[0-9]", re.I)
_OR = re.compile(r"(?<![\w])(?:or|oder|ou|o)(?![\w])", re.I)
_EXCEPT = re.compile(r"\b(?:except|apart from)\b", re.I)
_NUMBERS = re.compile(r"[\s\[(]*[0-9]{1,2}(?:[\s,;+]+[0-9]{1,2})*[\s\])]*\.?")

_DEFINES = re.compile(
    r"\A\W*without [^,;]*,|"
    rf"AU ?[0-9]+ (?:is|means|denotes|describes|stands for|refers to) (?:the )?(?:{_NAME.pattern})",
    re.I,
)
_TABLE = re.compile(
    r"^[ \t|]*(?:AUs?|action units?)(?: ?(?:number|code|no\.?|#))?[ \t]*\|[^\n]*$", re.I | re.M
)
_FIRST_CELL = re.compile(r"^([ \t|]*)(?=[0-9]{1,2}[ \t]*\|)", re.M)
_LIST_NUMBER = re.compile(r"^\s*[0-9]{1,2}[.)]\s", re.M)
NEAR = 12
"""Characters in front of a name that may hold its number."""
SCALE = (0, 5)
Stated = dict[int, float | None]


def read_units(text: str) -> Stated | ParseFailure:
    """Every unit an answer speaks of → its intensity.

    Returns:
        Unit number → intensity in [0, 5]; None where it is stated without one, 0.0 where it is
        called absent. An answer that says that nothing acts is empty. A failure for alternatives
        (`AU6 or AU12`), contradictions, numbers that FACS does not define, and no units at all.
    """
    return settle(text, _KIND)


def read_unit_list(text: str) -> tuple[int, ...] | ParseFailure:
    """The units an answer states to act, in ascending order."""
    units = read_units(text)
    if isinstance(units, ParseFailure):
        return units
    return tuple(sorted(n for n, value in units.items() if value is None or value > 0))


def read_intensities(text: str) -> dict[int, float] | ParseFailure:
    """Unit → intensity in [0, 5], absent ones 0; a failure if a stated unit has none."""
    units = read_units(text)
    if isinstance(units, ParseFailure):
        return units
    bare = [n for n, value in units.items() if value is None]
    if bare:
        return ParseFailure(reason=f"AU{bare[0]} is stated without an intensity", text=text)
    return {n: value for n, value in sorted(units.items()) if value is not None}


def _from_text(text: str) -> Stated | ParseFailure:
    if _NOTHING.match(text):
        return {}
    if _NUMBERS.fullmatch(text):
        return _checked([(int(n), None) for n in re.findall(r"[0-9]+", text)])
    if alternatives := _alternatives(text):
        return fail(alternatives)
    if _EXCEPT.search(text):
        return fail("units with an exception")
    found: list[tuple[int, Value]] = []
    mentioned = mentions(text, _spans)
    for key, polarity in ((m.key, m.polarity) for m in mentioned):
        number, _, written = key.partition("=")
        if not number.isdigit():
            return fail(number)
        if polarity is Polarity.TENTATIVE:
            return fail(f"AU{number} is only called possible")
        if polarity is Polarity.OPEN:
            return fail(f"AU{number} is left open")
        stated = float(written) if written else None
        found.append((int(number), 0.0 if polarity is Polarity.DENIED else stated))
    if not found:
        return {} if _NO_UNITS.search(text) else fail("no action unit is named")
    reason = _unsettled(text, found) or not_understood(text, mentioned, BESIDE)
    return fail(reason) if reason else _checked(found)


def _coded(text: str) -> str:
    """A text whose tables, where their first column is of units, say so in every row."""
    head = _TABLE.search(text)
    if head is None:
        return text
    return text[: head.end()] + _FIRST_CELL.sub(r"\1AU", text[head.end() :])


def _unsettled(text: str, found: Sequence[tuple[int, Value]]) -> str | None:
    """Why a text that names units does not say what the face shows."""
    if _DEFINES.search(text):
        return "a unit is defined or supposed, not stated"
    unlisted = _LIST_NUMBER.sub("", text)
    if any(unexplained(_beside(s), SCALE) for s in sentences(unlisted)):
        return "numbers that belong to no unit"
    return None


def _beside(sentence: str) -> str:
    """A sentence without what it says of units."""
    kept, place = [], 0
    for start, end, _ in _spans(sentence):
        kept.append(sentence[place:start])
        place = max(place, end)
    return " ; ".join([*kept, sentence[place:]])


def _checked(found: list[tuple[int, Value]]) -> Stated | ParseFailure:
    """Merge what is said of each unit; a failure where it contradicts itself."""
    units: Stated = {}
    for number, value in found:
        if number not in FACS_NUMBERS:
            return fail(f"AU{number} is not defined in FACS")
        known = units.get(number)
        if number in units and known is not None and value is not None and known != value:
            return fail(f"AU{number} is given two values")
        if number in units and 0.0 in (known, value) and known != value:
            return fail(f"AU{number} is both stated and called absent")
        units[number] = known if value is None and number in units else value
    return dict(sorted(units.items()))


def _spans(sentence: str) -> list[Span]:
    """Units in a sentence; the key is `number`, `number=value`, or the reason it is unreadable."""
    spans = list(_codes(sentence))
    for match in _NAME.finditer(sentence):
        number = _NAMES[match[0].lower()]
        if not any(span.start <= match.start() < span.end for span in spans):
            value, length = value_behind(sentence[match.end() :])
            key = value if isinstance(value, str) else _key(number, value)
            spans.append(Span(_own_number(sentence, match, number), match.end() + length, key))
    return sorted(spans)


def _own_number(sentence: str, name: re.Match[str], number: int) -> int:
    """Where a name begins: with its number in front, as in `| 4 | Brow Lowerer |`."""
    before = re.search(
        r"0*([0-9]{1,2})\s*[|:(–—-]*\s*\Z", sentence[max(0, name.start() - NEAR) : name.start()]
    )
    own = before is not None and int(before[1]) == number
    return max(0, name.start() - NEAR) + before.start() if before and own else name.start()


def _key(number: int, value: Value) -> str:
    return f"{number}" if value is None else f"{number}={value}"


def _codes(sentence: str) -> Iterator[Span]:
    for match in _CODE.finditer(sentence):
        numbers, end = listed_units(match, _MORE, sentence)
        if _RANGE.match(sentence[end:]):
            yield Span(match.start(), end, f"{sentence[match.start() : end]}… is a range or choice")
            continue
        number, letter = numbers[-1]
        for listed, own in numbers[:-1]:
            yield Span(match.start(), end, _key(listed, own))
        if letter is not None:
            yield Span(match.start(), end, _key(number, letter))
            continue
        named, gap = _name_behind(sentence[end:])
        if named is not None and named != number:
            yield Span(match.start(), end, f"AU{number} is called {ACTION_UNITS[named].name}")
            continue
        value, length = value_behind(sentence[end + gap :])
        yield Span(
            match.start(),
            end + gap + length,
            value if isinstance(value, str) else _key(number, value),
        )


def _name_behind(rest: str) -> tuple[int | None, int]:
    """The FACS name right behind a code and how far it reaches, as in `AU6 (Cheek Raiser)`."""
    match = re.match(r"\s*(?:[(:|]|[-–—]\s)\s*", rest)
    name = _NAME.match(rest, match.end()) if match else None
    if match is None or name is None:
        return None, 0
    end = name.end()
    closed = re.match(r"\s*\)", rest[end:]) if "(" in match[0] else None
    return _NAMES[name[0].lower()], end + (closed.end() if closed else 0)


def _alternatives(text: str) -> str | None:
    """Why the units are a choice: two stated ones with `or` between them."""
    for sentence in sentences(text):
        spans = list(_codes(sentence))
        for left, right in pairwise(spans):
            between = sentence[left.end : right.start]
            if _OR.search(between) and len(between) < 20:
                polarities = [m.polarity for m in mentions(sentence, _spans)]
                if Polarity.STATED in polarities:
                    return "units with `or` between them"
    return None


_KIND: Kind[Stated] = Kind(
    from_text=lambda text: _from_text(_coded(text)),
    from_segment=_from_text,
    from_json=lambda value: _from_json(value),
    cut=first_line,
)


def _from_json(value: object) -> Stated | ParseFailure:
    found = units_from_json(value)
    return found if isinstance(found, ParseFailure) else _checked(found)
