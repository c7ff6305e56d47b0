"""Reads a whole text, in either register, into claims.

text ─┬─ <think>, <answer>, JSON ─▶ the answer grammar ─▶ claims
      └─ sentences ─▶ faces they speak of ─▶ clauses ─▶ `read_clause` ─▶ claims
"""

import re
from functools import lru_cache
from typing import NamedTuple

from data_engine.verify.claims import Claim
from data_engine.verify.clause import MARK, read_clause
from facellm.core.emotions import ALIASES
from facellm.core.evidence import PAIRS, Thought, region_fits
from facellm.core.facs import ACTION_UNITS
from facellm.core.grammar import CITATION, REGION_OF_NAME, ParseFailure, read_citation
from facellm.core.read_prose import negated, sentences
from facellm.tasks.caption import read_pose
from facellm.tasks.response import Unanswerable, read_blocks
from facellm.tasks.units import read_units, whole

_CITED = re.compile(CITATION)
_ODD = re.compile(r"\([^()]*\bAU\s?[0-9]+[^()]*\)")
_MARKS = re.compile(r"[*_`]+|^\s*(?:[-•>#]+|\d+[.)])\s+", re.M)
_SPLIT = re.compile(
    r"[,;:—–()]+\s*(?:(and|but|or|nor|while|whereas|though|yet|with)\b)?"
    r"|\b(and|but|while|whereas|although|though|yet|however|with|as|because|since|so|which|that)\b"
)
_CODES = re.compile(r"\b(AU\d{1,2})(?:,|,? and|,? or| \+) (?=AU\d)")
"""Lists of codes stay together, so that what is said of all is read for each."""
_FINITE = re.compile(
    r"\b(?:is|are|was|were|has|have|shows?|looks?|seems?|appears?|remains?|stays?)\b"
)
_END = re.compile(r"[.!]+(?=\s|$)|\n+")
_OPENING = re.compile(r"^(?:yes|no)\b[,:;—–-]+\s*(?=\S)")
_BOTH = re.compile(r"\b(?:left and (?:the |his |her |their )?right|right and (?:the )?left)\b")
_COMPARED = re.compile(r"\bas (?:if|though|when|in)\b[^,;]*")
"""`As if about to whistle` tells what a movement is like, not what the face does."""
_SUPPOSED = re.compile(r"\b(?:if|were to|suppose|imagine|unless|had it)\b")
_SUPPOSING = frozenset(("if", "were", "suppose", "imagine", "unless", "had"))
_GENERAL = re.compile(
    r"\b(?:often|commonly|usually|typically|generally|frequently|tends? to|can|may)\b[^.]*"
    r"\b(?:associated|linked|seen in|found in|occurs? in|appears? in|accompan\w+|part of|signs? of|"
    r"goes with|go with)\b"
    r"|\boccurs? in\b|\b(?:is|are) (?:associated|linked) (?:with|to)\b"
)  # fmt: skip
_GENERALLY = frozenset((
    "often", "commonly", "usually", "typically", "generally", "frequently", "tend", "tends", "can",
    "may", "occur", "occurs", "associated", "linked",
))  # fmt: skip
"""These sets spare most sentences the search for a pattern that needs one of their words."""
_FACE = re.compile(
    r"\b(?:face|person|picture|photo|image|frame)(?: number)? (\d{1,2})\b"
    r"|\b(first|second|third|fourth|left|right)(?:most)? (?:face|person|picture|photo|image|one)\b"
)
_NUMBERED = re.compile(r" \d")
_PLACES = ("left", "right", "first", "second", "third", "fourth")
"""No text without one of these matches `_FACE`."""
_FRONTAL = re.compile(
    r"\bhead (?:\w+ )?(?:faces the camera|"
    r"(?:is|looks) (?:held |kept )?(?:straight|upright|frontal|level))"
)
FRONTAL = "frontal"
"""A pose beside those of `facellm.tasks.caption.POSES`: neither raised, turned nor tilted."""
_ORDER = {"first": 1, "left": 1, "second": 2, "right": -1, "third": 3, "fourth": 4}
_REST = re.compile(r"\b(?:face|features?|muscles?) (?:is|are|looks?) (?:completely )?at rest\b")
_FAINT = re.compile(r"\bonly faint movements?\b|\blittle moves on\b")


class Said(NamedTuple):
    """The claims of a stretch of text and the faces it speaks of."""

    claims: tuple[Claim, ...]
    faces: tuple[int, ...] = ()
    """Numbers from 1; -1 is the last. Empty: it does not say."""
    pose: frozenset[str] = frozenset()
    """Which poses of the head it states: `FRONTAL` or some of `facellm.tasks.caption.POSES`."""
    broken: tuple[str, ...] = ()
    """Citations of another form than `(AU12, marked)`, one reason each."""


class Read(NamedTuple):
    """A text as the verification needs it."""

    said: tuple[Said, ...]
    claims: tuple[Claim, ...] = ()
    """Of all stretches."""
    broken: tuple[str, ...] = ()
    """What is against the grammar, one reason each."""
    missing: Unanswerable | None = None
    """Set where the text says that the face asked for is not in the picture."""
    listed: dict[int, float] | None = None
    """Units of a JSON answer, which claims to be complete."""


@lru_cache(1 << 12)
def _mark(code: str, details: str) -> str | None:
    read = read_citation(code, details)
    if isinstance(read, str):
        return None
    number, intensity, side = read
    return f"{MARK}{number}/{int(intensity or 0)}/{(side or 'n')[0]}"


def _hashed(match: re.Match[str]) -> str:
    return _mark(match[1], match[2]) or match[0]


def faces_of(text: str) -> tuple[int, ...]:
    """The faces or pictures a sentence names, in order, each once: `face 2`, `the left face`."""
    return _faces_of(text.lower())


def _faces_of(lower: str) -> tuple[int, ...]:
    if not any(map(lower.__contains__, _PLACES)) and _NUMBERED.search(lower) is None:
        return ()
    found = [int(m[1]) if m[1] else _ORDER[m[2]] for m in _FACE.finditer(lower)]
    return tuple(dict.fromkeys(found))


def _pieces(sentence: str) -> list[tuple[str, bool]]:
    """Clauses, each with whether it continues a list (a comma or `and`, no verb of its own)."""
    pieces, joined = [], False
    # What stands between the splits, and behind each the two groups of the split.
    parts = _SPLIT.split(sentence)
    for n in range(0, len(parts), 3):
        piece = parts[n].strip()
        if piece:
            pieces.append((piece, joined and _FINITE.search(piece) is None))
        if n + 1 < len(parts):
            joined = (parts[n + 1] or parts[n + 2]) in (None, "or", "nor")
    return pieces


def _head(sentence: str) -> frozenset[str]:
    if _FRONTAL.search(sentence) and not negated(sentence):
        return frozenset((FRONTAL,))
    return read_pose(sentence)


@lru_cache(1 << 16)
def read_sentence(sentence: str) -> Said:
    """The claims of one sentence without its closing mark."""
    broken: tuple[str, ...] = ()
    if "AU" in sentence:
        sentence = _CITED.sub(_hashed, sentence)
    if "AU" in sentence:  # outside the citations: bare codes, or a citation of another form
        sentence = _CODES.sub(r"\1 ", sentence)
        broken = tuple(
            f"{odd} is not a citation such as (AU12, marked)" for odd in _ODD.findall(sentence)
        )
    lower = sentence.lower()
    if "as " in lower:
        lower = _COMPARED.sub("", lower)
    if "left" in lower and "right" in lower:
        lower = _BOTH.sub("both", lower)
    tokens = lower.split()
    faces = _faces_of(lower)
    if not _SUPPOSING.isdisjoint(tokens) and _SUPPOSED.search(lower):
        return Said((), faces, broken=broken)
    claims: list[Claim] = []
    part: str | None = None
    denied = False
    opened = lower.startswith(("yes", "no"))
    for piece, listed in _pieces(_OPENING.sub("", lower) if opened else lower):
        reading = read_clause(piece, part, denied and listed)
        claims += reading.claims
        part, denied = reading.part, reading.denied
    if not _GENERALLY.isdisjoint(tokens) and _GENERAL.search(lower):
        # What a unit often goes with is no reading of this face.
        claims = [c for c in claims if c.kind != "emotion"]
    if "rest" in tokens and _REST.search(lower):
        claims.append(Claim("rest", denied=True))
    if ("faint" in tokens or "little" in tokens) and _FAINT.search(lower):
        claims.append(Claim("rest", denied=True, high=1))
    pose = _head(lower) if "head" in lower else frozenset()
    return Said(tuple(claims), faces, pose, broken)


def _parts(text: str) -> list[str]:
    """What stands between closing marks; plain texts, whose only marks are points, in no time."""
    if "!" in text or ".." in text or text.endswith(" ") or not text.isprintable():
        return _END.split(text)
    return text.removesuffix(".").split(". ")


def read_prose(text: str) -> Read:
    """Read sentences; what they ask they do not state."""
    if "’" in text:
        text = text.replace("’", "'")
    if "*" in text or "`" in text or "\n" in text or "_" in text:
        text = _MARKS.sub(" ", text)
    parts = sentences(text) if "?" in text else _parts(text)
    said = [read_sentence(part.strip()) for part in parts if part]
    return Read(tuple(said), _claims(said), tuple(r for one in said for r in one.broken))


def _claims(said: list[Said]) -> tuple[Claim, ...]:
    return tuple(claim for one in said for claim in one.claims)


def _thought(thought: Thought) -> list[Said]:
    claims = []
    for s in thought.statements:
        step = 0 if s.intensity is None else int(s.intensity)
        claims.append(Claim("unit", (s.action_unit,), low=step, high=step, side=s.side))
        if not region_fits(s):
            claims.append(Claim("region", (s.action_unit,)))
        words = read_sentence(f"the {s.region.replace('_', ' ')} {s.text}").claims
        claims += [c for c in words if s.action_unit not in c.units]
    claims += [Claim("unit", (n,), denied=True) for n in thought.absent]
    return [Said(tuple(claims)), *read_prose(thought.conclusion).said]


def _json(answer: dict[str, object]) -> tuple[list[Claim], dict[int, float] | None, list[str]]:
    """The claims of a JSON answer, its list of units where it gives one, what is wrong with it."""
    claims, listed, broken = [], None, []
    emotion = answer.get("emotion")
    if emotion is not None:
        noun = ALIASES.get(str(emotion).strip().lower())
        claims += [Claim("emotion", emotions=(noun,))] if noun else []
        broken += [] if noun else [f"{emotion!r} is not an emotion"]
    bare = not answer or any(key.startswith("AU") for key in answer)
    value = answer.get("action_units", answer if bare else None)
    if value is None:
        return claims, listed, broken
    units = read_units(value)
    if isinstance(units, str):
        return claims, listed, [*broken, units]
    for n, intensity in units.items():
        step = int(whole(intensity))
        claims.append(Claim("unit", (n,), denied=not step, low=step, high=step))
    region = REGION_OF_NAME.get(str(answer.get("region")))
    if region is None:
        return claims, dict(units), broken
    members = set(PAIRS.get(region, (region,)))
    claims += [Claim("region", (n,)) for n in units if not members & set(ACTION_UNITS[n].regions)]
    return claims, None, broken


@lru_cache(1 << 13)  # short answers come back word for word
def read(text: str) -> Read:
    """Read a text of either register; equal texts share one answer, which nobody may change."""
    if "<" not in text and not text.lstrip().startswith("{") and "o face " not in text:
        return read_prose(text)
    blocks = read_blocks(text)
    if isinstance(blocks, ParseFailure):
        return Read((), broken=(blocks.reason,))
    if isinstance(blocks, Unanswerable):
        return Read((), missing=blocks)
    if blocks is None:
        return read_prose(text)
    claims, listed, broken = _json(blocks.answer)
    said = [Said(tuple(claims))] + (_thought(blocks.thought) if blocks.thought else [])
    return Read(tuple(said), _claims(said), tuple(broken), listed=listed)
