"""Forbidden claims, where the labels or the question do not license them."""

import re
from collections.abc import Iterator, Sequence

from data_engine.verify.claims import Policy, Problem
from data_engine.verify.forbidden import CLAIMS, forbidden
from facellm.core.sample import FaceLabels

_NUMBER = re.compile(r"\d{1,3}")
_DECADES = {
    name: 20 + 10 * n
    for n, name in enumerate(
        ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties")
    )
}
_GENDERS = ("gender", "sex", "male", "female")


def _gender_known(facts: Sequence[FaceLabels]) -> bool:
    named = [{*(f.groups or {}), *(f.attributes or {})} for f in facts]
    return any(name.lower() in _GENDERS for names in named for name in names)


def _years(words: str) -> tuple[float, float] | None:
    """The range of years that words such as `about 34 years` or `in her forties` name."""
    number = _NUMBER.search(words)
    if number:
        return float(number[0]), float(number[0])
    decade = next((start for name, start in _DECADES.items() if name in words.lower()), None)
    return None if decade is None else (float(decade), decade + 9.0)


def _age(words: str, facts: Sequence[FaceLabels], policy: Policy) -> Problem | None:
    ages = [f.age for f in facts if f.age is not None]
    if not ages:
        return Problem("forbidden:age", f"{words!r} guesses an age")
    years, off = _years(words), policy.age_tolerance
    if years is None or any(years[0] - off <= age <= years[1] + off for age in ages):
        return None
    return Problem("wrong_age", f"{words!r} is not the labelled age")


def limit_problems(
    text: str, facts: Sequence[FaceLabels], policy: Policy, question: str
) -> Iterator[Problem]:
    """Every claim of a forbidden kind; age and gender are allowed where they are known."""
    for kind, words in forbidden(text):
        if kind == "age":
            problem = _age(words, facts, policy)
            if problem is not None:
                yield problem
        elif kind != "gender" or not (_gender_known(facts) or CLAIMS["gender"].search(question)):
            yield Problem(f"forbidden:{kind}", f"{words!r} claims what a picture cannot tell")
