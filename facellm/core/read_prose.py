"""The prose register of answers, read: what sentences state, deny and conclude.

Only citations and whole words count: `no` is not in `nose`. A text that names two emotions,
or negates one, is a `ParseFailure`, not a guess; what it asks it does not state.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from pydantic import ValidationError

from facellm.core.clauses import REGION_WORDS
from facellm.core.emotions import ALIASES
from facellm.core.evidence import SIDES, Side, Statement, Thought, line_region
from facellm.core.facs import unit
from facellm.core.grammar import CITATION, ParseFailure, first_error, read_citation

NEGATIONS = frozenset((
    "no", "not", "nor", "neither", "never", "without", "none", "cannot", "lack", "lacks", "lacking",
    "absent", "hardly", "isn't", "aren't", "doesn't", "don't", "didn't", "wasn't", "weren't",
    "can't", "won't",
))  # fmt: skip
"""Words that turn a statement round."""
AFFIRMING = re.compile(r"\b(?:not only|no doubt|without (?:a )?doubt)\b", re.I)
"""Idioms that hold such a word and affirm."""

DATASET_CODES = frozenset(("ang", "dis", "fea", "hap", "sur", "neu", "con"))
"""Aliases that are labels of datasets; in a sentence they are other words or noise."""
EMOTION_WORDS = {word: noun for word, noun in ALIASES.items() if word not in DATASET_CODES}
EMOTION_VERBS = frozenset((
    "look", "looks", "looking", "seem", "seems", "appear", "appears", "read", "reads", "show",
    "shows", "showing", "suggest", "suggests", "indicate", "indicates", "express", "expresses",
    "convey", "conveys", "is", "are", "feel", "feels", "feeling", "point", "points", "signal",
    "signals", "see",
))  # fmt: skip
VERB_REACH = 5
"""An emotion word belongs to a verb at most this many words before it."""

_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
_QUESTION = re.compile(r"[^.!?\n]*\?")
_SENTENCE_END = re.compile(r"[.!]+(?=\s|$)|\n+")
_CITATION = re.compile(CITATION)
_ANY_CITATION = re.compile(r"\([^()]*\bAU\s?[0-9]+[^()]*\)")
_REGION = re.compile(r"\b(" + "|".join(sorted(REGION_WORDS, key=len, reverse=True)) + r")\b", re.I)
_CODES = r"AU[0-9]+(?:(?:,? and |,? or |, )AU[0-9]+)*"
_ABSENT = re.compile(
    rf"\b({_CODES}) (?:is|are) (?:absent|missing|not present|not visible)\b"
    rf"|\b(?:no|without) (?:sign of |trace of )?({_CODES})",
    re.I,
)
_DENIED_AFTER = re.compile(r" (?:is|are) (?:absent|missing|not )")
_LEADING = re.compile(
    r"^(?:[\s,;:—–-]+|(?:and|but|or|nor|while|with|plus|also|as well as)\b)+", re.I
)


class _Cited(NamedTuple):
    clause: str
    number: int
    intensity: float | None
    side: Side | None
    denied: bool


def words(text: str) -> list[str]:
    """The words of a text in lower case; a curly apostrophe counts as a straight one."""
    text = text.replace("’", "'")
    if text.isascii():
        return _WORD.findall(text.lower())
    return [word.lower() for word in _WORD.findall(text)]  # `lower` makes letters of some signs


def sentences(text: str) -> list[str]:
    """The sentences of a text without closing marks and without questions."""
    if "?" in text:  # without one the pattern would try every place of the text in vain
        text = _QUESTION.sub("\n", text)
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def negated(text: str) -> bool:
    """Whether a clause holds a negation as a whole word, idioms that affirm aside."""
    if NEGATIONS.isdisjoint(words(text)):  # most clauses: no need to look for idioms
        return False
    return not NEGATIONS.isdisjoint(words(AFFIRMING.sub("", text)))


def _cited(sentence: str) -> list[_Cited] | str:
    """The citations of a sentence with their clauses, or the reason why one cannot be read."""
    cited: list[_Cited] = []
    start = 0
    for match in _CITATION.finditer(sentence):
        clause, start = sentence[start : match.start()], match.end()
        read = read_citation(match[1], match[2])
        if isinstance(read, str):
            return read
        denied = negated(clause) or _DENIED_AFTER.match(sentence, start) is not None
        cited.append(_Cited(clause, *read, denied))
    for last, entry in enumerate(cited):
        first = _WORD.search(entry.clause.replace("’", "'"))
        if first is not None and first[0].lower() in ("or", "nor"):
            _deny_list(cited, last)
    return cited


def _deny_list(cited: list[_Cited], last: int) -> None:
    """Carry the negation of `no a (AU1), b (AU2) or c (AU4)` from the first item to the others."""
    first = last - 1
    while first > 0 and not cited[first].denied and cited[first].clause.strip().startswith(","):
        first -= 1
    if first >= 0 and cited[first].denied:
        cited[first : last + 1] = [c._replace(denied=True) for c in cited[first : last + 1]]


@lru_cache(1 << 12)  # most clauses of a corpus, or of a model, come back word for word
def _statement(cited: _Cited) -> Statement:
    text = re.sub(r"[;()<>\s]+", " ", _LEADING.sub("", cited.clause)).strip()
    match = _REGION.search(cited.clause)
    region = REGION_WORDS[match[1].lower()] if match else line_region(cited.number)
    sides = [side for side in SIDES if region.partition("_")[0] == side]
    return Statement(
        region=region,
        text=text or unit(cited.number).phrase,
        action_unit=cited.number,
        intensity=cited.intensity,
        side=sides[0] if sides else cited.side,
    )


def parse_prose(text: str) -> Thought | ParseFailure:
    """Read the statements and the absent units from sentences; the conclusion stays empty.

    A statement is a clause with a citation; its region is the first region the clause names, else
    the unit's own. A unit cited again for the same region is read once. Absent are units cited in a
    negated clause (`no raised lip corners (AU12)`) or listed as in `AU12 and AU4 are absent`.
    Returns a failure for unknown units, citations of another form and contradictions.
    """
    statements: dict[tuple[str, int, str | None], Statement] = {}
    absent: list[int] = []
    for odd in _ANY_CITATION.findall(text):
        if not _CITATION.fullmatch(odd):
            return ParseFailure(reason=f"{odd} is not a citation such as (AU12, marked)", text=text)
    for sentence in sentences(text):
        cited = _cited(sentence)
        if isinstance(cited, str):
            return ParseFailure(reason=cited, text=text)
        for entry in cited:
            if entry.denied:
                absent.append(entry.number)
            else:
                s = _statement(entry)
                statements.setdefault((s.region, s.action_unit, s.side), s)
        for listed in _ABSENT.finditer(sentence):
            absent += [int(n) for n in re.findall(r"[0-9]+", listed[1] or listed[2])]
    try:
        return Thought(statements=tuple(statements.values()), absent=tuple(absent))
    except ValidationError as error:
        return ParseFailure(reason=first_error(error), text=text)


def named_emotion(text: str) -> str | ParseFailure:
    """The one emotion that a text names, as its noun.

    It has to be named by a whole word close after a verb such as `looks` or `suggests`. Two
    emotions, or a negation in the same sentence, are a failure.
    """
    found: set[str] = set()
    linked = False
    for sentence in sentences(text):
        tokens = words(sentence)
        for place, word in enumerate(tokens):
            if word not in EMOTION_WORDS:
                continue
            if negated(sentence):
                return ParseFailure(reason=f"{word!r} stands in a negated sentence", text=text)
            found.add(EMOTION_WORDS[word])
            linked |= not EMOTION_VERBS.isdisjoint(tokens[max(0, place - VERB_REACH) : place])
    if len(found) != 1:
        names = ", ".join(sorted(found)) or "none"
        return ParseFailure(reason=f"expected one emotion, the text names {names}", text=text)
    if not linked:
        return ParseFailure(reason="no verb links the emotion to the face", text=text)
    return found.pop()
