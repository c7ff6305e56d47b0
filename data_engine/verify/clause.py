"""Reads one clause: which units and emotions it states or denies, how strongly, on which side.

    "but the brows are not slightly lowered (AU4, slight)"
       merge words ─▶ tokens ─▶ roles: part brow, negator, intensity, motion down, citation
       pair each motion with its part, look back for a negation ─▶ claims

Everything is by whole words; `nose` holds no `no`. Clauses recur all the time in a corpus, so what
was read is kept.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from data_engine.verify.claims import Claim
from data_engine.verify.lexicon import (
    DENIALS,
    DENIED_BEFORE,
    EMOTIONS_OF,
    INTENSITIES,
    MEANING,
    MERGED,
    MOTIONS,
    NEGATORS,
    PART_REGIONS,
    PARTS,
    SEEN,
    UNIT_NAME_ENDS,
    UNIT_NAMES,
    WORD_UNITS,
)
from facellm.core.clauses import REGION_WORDS
from facellm.core.evidence import units_acting_in
from facellm.core.facs import ACTION_UNITS

MARK = "\x1f"
"""Stands before a citation that was read, as `number/step/side`; no text holds it."""
_TOKEN = re.compile(r"\x1f\d+/\d/\w|[a-z]+(?:['-][a-z]+)*|\d+")
_MERGED = re.compile("|".join(sorted({re.escape(n) for needed, *_ in MERGED for n in needed})))
"""A clause without any of these holds no words to merge."""
_CODE = re.compile(r"\bau ?0?(\d{1,2})\b")
_LINKS = frozenset((
    "of", "along", "across", "on", "in", "at", "around", "over", "between", "above", "beneath",
    "the", "his", "her", "their", "its", "both", "a", "an", "left", "right", "one", "outer",
    "inner", "upper", "lower",
))  # fmt: skip
"""Words that may stand between a motion and the part after it, as in `wrinkling of the nose`."""
_REGION = re.compile(r"\b(?:" + "|".join(sorted(REGION_WORDS, key=len, reverse=True)) + r")\b")
_MOVING = frozenset(("movement", "movements", "action", "actions", "activity", "unit", "units"))
_OTHER = frozenset((
    "other", "else", "more", "further", "strong", "enough", "indicate", "differ", "differs",
    "different",
))  # fmt: skip
"""`No other movement`, `no action unit is strong enough` and `nothing differs` deny nothing that
can be checked."""
_SIDES = frozenset(("left", "right"))
_TURNING = frozenset(("no", "seen"))
"""Roles of words that may turn what stands around them into a denial."""
_ONE_SIDED = frozenset(("lopsided", "asymmetric", "asymmetrical", "one-sided", "unilateral"))
_EMOTION_AGAINST = re.compile(r"\b(?:speaks? against|rules? out|excludes?|argues? against)\b")


class Reading(NamedTuple):
    """What a clause says, and what the next clause of the sentence may lean on."""

    claims: tuple[Claim, ...]
    part: str | None
    """The last part named: the subject of a clause that names none."""
    denied: bool
    """Whether a negation was open at the end, as in the list `no raised brows, parted lips …`."""


class _Word(NamedTuple):
    role: str
    value: object
    text: str


def _role(token: str) -> _Word:
    if token[0] == MARK:
        number, step, side = token[1:].split("/")
        return _Word("cite", (int(number), int(step), {"l": "left", "r": "right"}.get(side)), token)
    for role, table in (("part", PARTS), ("motion", MOTIONS), ("units", WORD_UNITS)):
        if token in table:
            return _Word(role, table[token], token)
    if token in NEGATORS:
        return _Word("no", None, token)
    if token in DENIED_BEFORE or token in SEEN:
        return _Word("seen", token in DENIED_BEFORE, token)
    return _Word("", None, token)


_roles = lru_cache(1 << 14)(_role)


def _negations(words: list[_Word], carried: bool) -> list[bool]:
    """For each word whether it stands under a negation."""
    if not carried and all(word.role not in _TURNING for word in words):
        return [False] * len(words)
    denied, open_ = [], carried
    for n, word in enumerate(words):
        if word.role == "no":
            open_ = True
        denied.append(open_)
        if word.role == "seen" and (
            word.value or any(w.role == "no" for w in words[max(0, n - 3) : n])
        ):
            # "AU12 is absent", "a smile is not visible": what stands before is denied as well.
            denied = [True] * len(denied)
    return denied


def _part_of(words: list[_Word], at: int, carried: str | None) -> tuple[str | None, int]:
    """The part a motion belongs to and its place: right behind it, else before it, else carried."""
    for n in range(at + 1, min(at + 6, len(words))):
        if words[n].role == "part":
            return str(words[n].value), n
        if words[n].text not in _LINKS and words[n].role != "motion":
            break
    for n in range(at - 1, -1, -1):
        if words[n].role == "part":
            return str(words[n].value), n
    return carried, -1


def _intensity(words: list[_Word], at: int) -> tuple[int, int]:
    """The range of steps that a word close to the motion names; (0, 0) for none."""
    for distance in (1, 2, 3):
        for n in (at - distance, at + distance):
            if 0 <= n < len(words) and words[n].text in INTENSITIES:
                return INTENSITIES[words[n].text]
    return 0, 0


def _side(words: list[_Word], at: int) -> str | None:
    near = {word.text for word in words[max(0, at - 5) : at]}
    if "both" in near or near >= _SIDES:
        return None
    for word in words[max(0, at - 2) : at]:
        if word.text in _SIDES:
            return word.text
    if not _ONE_SIDED.isdisjoint(near) or (at and words[at - 1].text == "one"):
        return "one"
    return None


def _motion_claims(words: list[_Word], denied: list[bool], carried: str | None) -> list[Claim]:
    claims = []
    for n, word in enumerate(words):
        if word.role == "units":
            low, high = _intensity(words, n)
            claims.append(_unit_claim(word.value, denied[n], low, high, _side(words, n)))
        if word.role != "motion":
            continue
        part, at = _part_of(words, n, carried)
        if part is None:
            continue
        units = MEANING.get((part, str(word.value))) or MEANING.get((_broad(part), str(word.value)))
        low, high = _intensity(words, n)
        side = _side(words, at) if at >= 0 else None
        if units is not None:
            claims.append(_unit_claim(units, denied[n] or _no_before(words, at), low, high, side))
        elif (part, str(word.value)) in DENIALS and not denied[n]:
            claims.append(_unit_claim(DENIALS[part, str(word.value)], True, 0, 0, side))
    return claims


def _no_before(words: list[_Word], at: int) -> bool:
    """Whether a part is itself denied, as in `no brow is raised`; the motion follows it."""
    return at >= 1 and words[at - 1].role == "no"


def _broad(part: str) -> str:
    """The whole that a part belongs to, for motions that only the whole has an entry for."""
    wholes = {"innerbrow": "brow", "outerbrow": "brow", "upperlip": "lip", "lowerlip": "lip",
              "lipcorner": "mouth", "upperlid": "lid", "lowerlid": "lid"}  # fmt: skip
    return wholes.get(part, part)


def _unit_claim(units: object, denied: bool, low: int, high: int, side: str | None) -> Claim:
    assert isinstance(units, tuple)
    if denied:
        # "not strongly raised" denies a strength, not the movement: too open to check.
        return Claim("unit", units if not low or low < 3 else (), denied=True)
    return Claim("unit", units, low=low, high=high, side=side)


def _cited(words: list[_Word], denied: list[bool]) -> list[Claim]:
    claims = []
    regions = [PART_REGIONS[str(w.value)] for w in words if w.role == "part" and w.value != "head"]
    for n, word in enumerate(words):
        if word.role != "cite":
            continue
        assert isinstance(word.value, tuple)
        number, step, side = word.value
        if side is None:
            parts = [at for at in range(n) if words[at].role == "part"]
            side = _side(words, parts[-1]) if parts else None
        claims.append(Claim("unit", (number,), denied=denied[n], low=step, high=step, side=side))
        acting = set(ACTION_UNITS[number].regions)
        if regions and not denied[n] and not any(acting & region for region in regions):
            claims.append(Claim("region", (number,)))
    return claims


def _emotions(words: list[_Word], denied: list[bool], clause: str) -> list[Claim]:
    named = [(n, nouns) for n, w in enumerate(words) if (nouns := EMOTIONS_OF.get(w.text))]
    if not named:
        return []
    against = _EMOTION_AGAINST.search(clause) is not None
    part = any(word.role == "part" for word in words)
    claims = []
    for n, nouns in named:
        if part and "neutral" in nouns:
            continue  # "neutral brows" are at rest: no emotion is meant
        claims.append(Claim("emotion", emotions=nouns, denied=denied[n] or against))
    return claims


def _still(words: list[_Word], clause: str) -> list[Claim]:
    """`Nothing notable shows at the mouth`: denies the units of the region, without one of all."""
    tokens = {word.text for word in words}
    nothing = "nothing" in tokens
    if not nothing and (_MOVING.isdisjoint(tokens) or not any(w.role == "no" for w in words)):
        return []
    if not _OTHER.isdisjoint(tokens) or any(w.role in ("motion", "cite", "units") for w in words):
        return []
    region = _REGION.search(clause)
    if region is None:
        return [Claim("rest", denied=True)]
    return [Claim("unit", units_acting_in(REGION_WORDS[region[0]]), denied=True)]


def _joined(name: re.Match[str]) -> str:
    return name[0].replace(" ", "")


@lru_cache(1 << 16)
def read_clause(clause: str, part: str | None = None, denied: bool = False) -> Reading:
    """Read a clause in lower case with citations as `MARK number/step/side`.

    Args:
        clause: without the commas and conjunctions around it.
        part: the subject of the clause before it, for a clause without one.
        denied: whether a negation of the clause before it still holds.
    """
    text = clause
    if any(map(text.__contains__, UNIT_NAME_ENDS)):
        text = UNIT_NAMES.sub(_joined, text)
    if "au" in text:
        text = _CODE.sub("\x1f\\1/0/n", text)
    if _MERGED.search(text) is not None:
        for needed, pattern, token in MERGED:
            if any(map(text.__contains__, needed)):
                text = pattern.sub(token, text)
    words = [_roles(token) for token in _TOKEN.findall(text)]
    words = [w for w in words if w.role != "cite" or w.value[0] in ACTION_UNITS]  # type: ignore[index]
    under = _negations(words, denied)
    cited = _cited(words, under)
    known = {n for claim in cited for n in claim.units}
    # What a citation says is exact; words of the same clause that may mean the same add nothing.
    loose = [claim for claim in _motion_claims(words, under, part) if claim.units]
    if not all(known.isdisjoint(claim.units) for claim in loose):
        loose = []
    parts = [str(word.value) for word in words if word.role == "part"]
    claims = (*cited, *loose, *_emotions(words, under, text), *_still(words, clause))
    return Reading(claims, parts[-1] if parts else part, bool(under) and under[-1])
