"""Read yes or no. `No` before a noun (`no smile`) answers nothing, and `nose` is not `no`."""

import re

from eval.read.labels import fail
from eval.read.lexicon import word_set
from eval.read.loose_json import under
from eval.read.polarity import sentences
from eval.read.settle import Kind, settle
from eval.read.understood import lead_obscure, turns
from facellm.core.grammar import ParseFailure

YES = ("yes", "yep", "yeah", "oui", "ja", "sí", "si", "是的", "是", "对", "はい", "نعم")
NO = ("no", "nope", "non", "nein", "不是的", "不是", "否", "不", "没有", "いいえ", "لا")
_KEYS = ("answer", "final_answer", "result", "prediction", "response", "label")
_BARE = {"y": True, "n": False, "true": True, "false": False}
_EITHER = re.compile(r"\b(?:yes|oui|ja|sí)\s*(?:/|or|ou|oder|o)\s*(?:no|non|nein)\b", re.I)
_BOTH = re.compile(r"\b(?:yes|oui|ja|sí)\s+(?:and|et|und|y)\s+(?:no|non|nein)\b", re.I)
_WORD = re.compile(
    rf"(?<![\w'-])({'|'.join(sorted((*YES, *NO), key=len, reverse=True))})(?![\w'-])", re.I
)
_STANDS = re.compile(
    r"\A[\"')]*\s*(?:[,.!:;，、。！：(]|[-–—]|\Z|\s(?:the|it|this|he|she|they|his|her|because|since|as|otherwise|"
    r"la|le|das|die|der|está)\b)",
    re.I,
)
_LEADS = re.compile(
    r"(?:\A|\b(?:is|say|be|answer|think|likely|probably|definitely|clearly|clear|say|a|so|and|but|that)|:)[\s\"'(:]*\Z",
    re.I,
)
_RIVAL = re.compile(_WORD.pattern + r"(?=[\"')]*\s*(?:[,.;!]|\Z|\b(?:in|on|at|for|to)\b))", re.I)
"""Either word where it may be an answer: strictness finds the answer, leniency its rivals."""
NEAR = 40
"""Characters around the word that tell how it stands."""
_DENIED = re.compile(r"\b(?:not|n't|never|neither|nor|nobody|no one|hardly)\b|n't\b", re.I)
_DEPENDS = re.compile(
    r"\b(?:it depends|if\b[^.;\n]{0,200}\b(?:yes|no)|(?:yes|no),? (?:if|unless|when|for))\b", re.I
)
_UNSURE = re.compile(
    r"\b(?:maybe|possibly|perhaps|not sure|unsure|uncertain)\b|\A\W*\w+\s*[?？]\s*\S", re.I
)
_TALKS_OF = re.compile(
    r"\s+(?:is|was|were|would|seems|appears|sounds|means|or|and|to|as|can|could|might|may)\b", re.I
)
"""Follows a yes that is the subject of a sentence."""
_BUT = re.compile(
    r"[\s,.;，、–—-]*(?:(?:but|although|though|except|mais|aber|pero)\b|但)"
    r"(?!\s+(?:only |just |nur |seulement |solo )?(?:very )?(?:slightly|faintly|weakly|barely|"
    r"subtly|a little|leicht|schwach|légèrement|un peu|ligeramente|un poco)\b)",
    re.I,
)
"""Begins a restriction; one of degree leaves the answer as it is."""
_KNOWN = word_set(
    """
    question would say my i d hmm well honestly think it neither
    """
)
_TORN = re.compile(r"\b(?:maybe|possibly|perhaps|either)\b", re.I)


def read_yes_no(text: str) -> bool | ParseFailure:
    """True for yes, False for no; a failure where neither or both are said."""
    return settle(text, _KIND)


def _from_text(text: str) -> bool | ParseFailure:
    bare = text.strip(" \t\n\"'.!()").lower()
    if bare in _BARE:
        return _BARE[bare]
    if _BOTH.search(text) or _DEPENDS.search(text) or _UNSURE.search(text):
        return fail("yes and no, or only under a condition, or unsure")
    parts = sentences(_EITHER.sub(" ", text))
    found = [(number, m) for number, part in enumerate(parts) for m in _said(part)]
    said = {_is_yes(match) for _, match in found}
    if len(said) != 1:
        return fail("both yes and no are said" if said else "neither yes nor no is said")
    reasons = [_qualified(parts[number], match) for number, match in found]
    if all(reasons):
        return fail(str(reasons[0]))
    rivals = {_is_yes(match) for part in parts for match in _RIVAL.finditer(part)}
    return said.pop() if rivals <= said else fail("the other answer is named as well")


def _is_yes(match: re.Match[str]) -> bool:
    return match[1].lower() in YES


def _qualified(sentence: str, match: re.Match[str]) -> str | None:
    """Why a word that answers does not settle its sentence."""
    if not sentence[: match.start()].strip() and sentence[match.end() :].lstrip().startswith(":"):
        return None
    word = turns(sentence) or lead_obscure(sentence[: match.start()], _KNOWN)
    if word:
        return f"a sentence is not understood: {word!r}"
    return "yes or no with a but" if _BUT.match(sentence, match.end()) else None


def _said(sentence: str) -> list[re.Match[str]]:
    """The answers of a sentence: words at its start, or after a verb, that stand alone."""
    found = []
    turning = [m.start() for m in (_DENIED.search(sentence), _TORN.search(sentence)) if m]
    for match in _WORD.finditer(sentence):
        before = sentence[max(0, match.start() - NEAR) : match.start()]
        leads = _LEADS.search(before) is not None or before.rstrip().endswith((",", "，"))
        leads = leads or match.end() == len(sentence.rstrip())
        stands = _STANDS.match(sentence[match.end() : match.end() + NEAR]) is not None
        clause = max(sentence.rfind(mark, 0, match.start()) for mark in ",;，；")
        denied = any(clause <= turn < match.start() for turn in turning)
        begins = before.strip().lower() in ("", "it's a")
        runs_on = _is_yes(match) and match[1].isascii() and begins
        runs_on = runs_on and not _TALKS_OF.match(sentence, match.end())
        if leads and not denied and (stands or runs_on):
            found.append(match)
    return found


def _from_json(value: object) -> bool | ParseFailure:
    if isinstance(value, bool):
        return value
    if isinstance(value, dict):
        given = list(under(value, _KEYS))
        answers = [
            x if isinstance(x, bool) else _from_text(x) if isinstance(x, str) else fail("no word")
            for x in given
        ]
        known = [x for x in answers if isinstance(x, bool)]
        if known and len(known) == len(answers) and len(set(known)) == 1:
            return known[0]
    return fail("the JSON holds no single yes or no")


_KIND: Kind[bool] = Kind(from_text=_from_text, from_segment=_from_text, from_json=_from_json)
