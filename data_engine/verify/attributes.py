"""Labelled attributes such as `eyeglasses`: whether a text says the same of them.

Names are read as words: `wearing_hat` is seen in "wearing a hat"; a name that starts with `no`
is the denial of the rest. An attribute that no label holds is not judged.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from data_engine.verify.claims import Problem
from facellm.core.read_prose import negated, sentences
from facellm.core.sample import FaceLabels

_SAME = {
    "eyeglasses": "eyeglasses|glasses|spectacles", "glasses": "eyeglasses|glasses|spectacles",
    "sunglasses": "sunglasses", "beard": "beard|bearded", "mustache": "mustache|moustache",
    "moustache": "mustache|moustache", "hat": "hat|cap|headwear", "earrings": "earrings?",
    "lipstick": "lipstick", "bald": "bald", "goatee": "goatee", "freckles": "freckles",
}  # fmt: skip
_QUALITY = re.compile(r"\b(?:quality|sharp|blurr(?:y|ed)|picture of the face)\b", re.I)
_AUTHENTIC = re.compile(r"\b(?:authentic|genuine|manipulat\w+|generated|edited|fake)\b", re.I)
_FILLER = ("wearing", "has", "is", "with")


@lru_cache(1024)
def _pattern(name: str) -> tuple[re.Pattern[str], bool]:
    """The pattern of an attribute's words, and whether its name denies them."""
    parts = re.sub(r"[_\W]+", " ", name).lower().split()
    denies = parts[:1] in (["no"], ["not"])
    parts = [p for p in parts[denies:] if p not in _FILLER] or parts
    spelled = r"\W+(?:\w+\W+)?".join(_SAME.get(p, re.escape(p)) for p in parts)
    return re.compile(rf"\b(?:{spelled})\b", re.I), denies


def _labelled(facts: Sequence[FaceLabels]) -> dict[str, set[bool]]:
    values: dict[str, set[bool]] = {}
    for labels in facts:
        for name, value in (labels.attributes or {}).items():
            values.setdefault(name, set()).add(value)
    return values


def attribute_problems(text: str, facts: Sequence[FaceLabels]) -> Iterator[Problem]:
    """Attributes that a sentence states against the labels of all faces."""
    labelled = _labelled(facts)
    if not labelled:
        return
    for sentence in sentences(text):
        clauses = re.split(r"[,;]|\b(?:but|and|while)\b", sentence)
        for clause in clauses:
            for name, values in labelled.items():
                pattern, denies = _pattern(name)
                if pattern.search(clause) and (not negated(clause)) ^ denies not in values:
                    yield Problem(f"wrong_attribute:{name}", f"{clause.strip()!r} is not so")


def mentions(text: str, facts: Sequence[FaceLabels]) -> bool:
    """Whether the text speaks of a labelled attribute, age, quality or authenticity."""
    if any(labels.quality is not None for labels in facts) and _QUALITY.search(text):
        return True
    if any(labels.authentic is not None for labels in facts) and _AUTHENTIC.search(text):
        return True
    if any(labels.age is not None for labels in facts) and re.search(r"\d+ years", text):
        return True
    return any(_pattern(name)[0].search(text) for name in _labelled(facts))
