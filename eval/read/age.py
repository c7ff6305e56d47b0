"""Read an age in years. A range, a decade or a bound (`25-30`, `in her 30s`, `over 60`) is none."""

import re

from eval.read.labels import fail
from eval.read.lexicon import word_set
from eval.read.loose_json import under
from eval.read.numbers import unexplained
from eval.read.polarity import Polarity, Span, mentions, sentences
from eval.read.settle import Kind, settle
from eval.read.understood import not_understood
from eval.read.unit_values import number_of
from facellm.core.grammar import ParseFailure

OLDEST = 120.0
_KEYS = ("age", "apparent_age", "estimated_age", "predicted_age", "age_years", "answer")
_KNOWN = word_set(
    """
    two three people year years yr yrs old age aged ages month months estimated estimate
    approximately approx about around roughly circa apparent probably young younger teenager
    adult looking jahre alt etwa ungefähr ans environ âge années años unos
    schätze schätzen ihn auf edad tiene tener aparenta alrededor aproximadamente avoir
    so take
    """
)
SHORT = 12
"""Words up to which the only number of an answer may be the age without a word that says so."""

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {word: n for n, word in enumerate([*_ONES, *_TEENS], 1)}
_NUMBER_WORDS = re.compile(
    rf"\b(?:({'|'.join(_TENS)})(?:[- ]({'|'.join(_ONES)}))?|({'|'.join(_SMALL)}))"
    r"(?=[- ]years?\b|[- ]months?\b|\s*\.?\s*\Z)",
    re.I,
)
_TOLERANCE = re.compile(
    r"\(?\s*(?:±|\+/-|\+-|,?\s*give or take|,?\s*plus or minus)\s*[0-9]+"
    r"(?:\.[0-9]+)?(?:\s*years?)?\s*\)?"
    r"|,?\s*\(?(?:give or take|plus or minus)(?: an?| a few| a couple of| one or two) years?\)?"
    r"|,?\s*(?:give or take) a (?:few|couple of) years\b"
    r"|\bor so\b",
    re.I,
)
_N = r"(?<![A-Za-z0-9_.,+-])([0-9]+(?:[.,][0-9]+)?)"
_MARKED = (
    re.compile(
        r"\b(?:age|aged|alter|âge|edad)\b\s*"
        r"(?:(?:is|of|about|around|approximately|est|ist|es|:|=|~)\s*)*" + _N + r"(?![\w%])",
        re.I,
    ),
    re.compile(
        _N + r"(?:[- ]?years?[- ]old|\s*years? of age"
        r"|\s*(?:years?|yrs?|y/?o|y\.\s?o\.?)(?!\w)(?!\s+(?:ago|of|later|before|after|apart))"
        r"|\s*(?:ans|jahre|años|anni|anos)\b|\s*[岁歳]|\s*(?:سنة|عاما?)(?!\w))",
        re.I,
    ),
)
_MONTHS = re.compile(_N + r"[- ]?months?(?:[- ]old)?\b(?!\s+(?:ago|later))", re.I)
_VAGUE = re.compile(
    r"[0-9]\s*(?:-|–|—|/|\bto\b|\bor\b|\band\b|\bbis\b)\s*[0-9]|[0-9]0'?s\b|[0-9]\s*\+|"
    r"[<>≥≤]\s*[0-9]|\b(?:over|under|above|below|older|younger|at least|at most|more|less|"
    r"as \w+ as|than|for|since|within|last|between|close to|nearly|almost|"
    r"not|no|n't|never)\b|n't\b",
    re.I,
)
_DECADE = re.compile(
    r"\b[0-9]0'?s\b|\b(?:twen|thir|for|fif|six|seven|eigh|nine)ties\b|[0-9]0(?:代|多岁)", re.I
)
"""A range, even with a number beside it."""
_ALONE = re.compile(_N + r"(?=\s*(?:[.,;:!)]|\Z))(?![.,][0-9])")


def read_age(text: str) -> float | ParseFailure:
    """The age in years, in [0, 120]; months are converted."""
    return settle(text, _KIND)


def _from_text(text: str) -> float | ParseFailure:
    plain = _NUMBER_WORDS.sub(_digits, _TOLERANCE.sub(" ", text))
    said = " . ".join(sentences(plain))
    if _DECADE.search(said):
        return fail("a decade is named")
    if not re.search(r"[0-9]", said):
        return fail("no number is named")
    found: set[float] = set()
    written: set[float] = set()
    for pattern in _MARKED:
        for match in pattern.finditer(said):
            if _vague_around(said, match):
                return fail("the age is a range, a bound or denied")
            found.add(number_of(match[1]))
            written.add(number_of(match[1]))
    for match in _MONTHS.finditer(said):
        found.add(number_of(match[1]) / 12.0)
        written.add(number_of(match[1]))
    if reason := _obscure(plain, bool(found)):
        return fail(reason)
    if not found:
        return _only_number(said)
    if unexplained(said) - written:
        return fail("other numbers beside the age")
    return _in_range(found.pop()) if len(found) == 1 else fail("several ages are named")


def _obscure(said: str, marked: bool) -> str | None:
    """Why what is said around an age is not understood."""
    patterns = (*_MARKED, _MONTHS) if marked else (_ALONE,)

    def find(sentence: str) -> list[Span]:
        return sorted(Span(m.start(), m.end(), "") for p in patterns for m in p.finditer(sentence))

    found = mentions(said, find)
    if any(m.polarity in (Polarity.DENIED, Polarity.OPEN) for m in found):
        return "the age is denied or left open"
    return not_understood(said, found, _KNOWN)


def _vague_around(said: str, match: re.Match[str]) -> bool:
    """Whether the words before the age in its sentence, or what follows it, make it no one age."""
    start = max(said.rfind(mark, 0, match.start()) for mark in (". ", ";", "\n")) + 1
    return _VAGUE.search(said[start : match.end() + 8]) is not None


def _only_number(said: str) -> float | ParseFailure:
    if len(said.split()) > SHORT or _VAGUE.search(said):
        return fail("no age is named, or only vaguely")
    numbers = unexplained(said)
    if len(numbers) != 1 or not numbers & {number_of(number) for number in _ALONE.findall(said)}:
        return fail("no single number that could be an age")
    return _in_range(numbers.pop())


def _digits(match: re.Match[str]) -> str:
    if match[3]:
        return str(_SMALL[match[3].lower()])
    ones = _SMALL[match[2].lower()] if match[2] else 0
    return str((_TENS.index(match[1].lower()) + 2) * 10 + ones)


def _in_range(years: float) -> float | ParseFailure:
    return years if 0.0 <= years <= OLDEST else fail(f"{years:g} is no age from 0 to {OLDEST:g}")


def _from_json(value: object) -> float | ParseFailure:
    given = list(under(value, _KEYS))
    ages = {_json_number(item) for item in given}
    if len(ages) != 1 or None in ages:
        return fail("the JSON holds no single age")
    return _in_range(float(ages.pop() or 0.0))


def _json_number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    age = _from_text(value) if isinstance(value, str) else None
    return age if isinstance(age, float) else None


_KIND: Kind[float] = Kind(from_text=_from_text, from_segment=_from_text, from_json=_from_json)
