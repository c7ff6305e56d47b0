"""What sentences say about two faces, one face a sentence: its units, its expression, who has more.

Faces are named as `face 2`, `picture 1`, `the second picture`; the lower number is the first. A
sentence that names no face, and one that names two, states nothing of either, save that both are
alike or differ.
"""

import re
from typing import Literal

from facellm.core.evidence import Thought
from facellm.core.grammar import ParseFailure
from facellm.core.read_prose import EMOTION_WORDS, negated, parse_prose, sentences, words
from facellm.core.sample import Record

_ORDINALS = {"first": 1, "second": 2}
SIDE = re.compile(
    r"\b(?:(?:face|picture|image|photo|person) (?:number )?(?P<number>[1-9][0-9]?)\b"
    r"|(?:the )?(?P<ordinal>first|second)(?: (?:face|picture|image|photo|person|one))?\b)",
    re.I,
)
"""How a text names one of the two."""
CODE = re.compile(r"AU[1-9][0-9]?")
_MORE = re.compile(
    r"\b(?:more|stronger|strongest|bigger|clearer|clearly|does|greater|most)\b", re.I
)
_FILLERS = frozenset(("it", "is", "in", "the", "so", "more", "clearly", "definitely", "answer"))
_DOUBT = "maybe|perhaps|possibly|might|may|could|hard|difficult|unclear|if|cannot|unable|whether"
_UNSURE = re.compile(rf"\b(?:{_DOUBT})\b", re.I)
"""Words with which a sentence claims nothing."""
_OTHERWISE = re.compile(r"\b(?:less|weaker|smaller|fewer|least|or)\b", re.I)
"""Words with which a sentence that seems to claim more claims the opposite, or both."""
_EQUAL = re.compile(
    r"\b(?:about the same|about equal|equally|little difference|alike|the same|neither|"
    r"no (?:clear |other clear )?difference|nothing clearly differs)\b",
    re.I,
)
_REST = re.compile(r"\b(?:apart from that|all else|other clear difference)\b", re.I)
"""Sentences about what was not named yet."""
_BOTH_ABSENT = re.compile(r"\bAU[0-9]+ is (?:absent in both|not visible in either)\b", re.I)
_DIFFER = re.compile(r"\b(?:differ|differs|changed|not the same|different)\b", re.I)

Units = dict[int, float]
BARE = 2.0
"""Intensity of a unit that is stated without one."""


class Said(Record):
    """What an answer says of two faces; None is unsaid. Faces are numbered as the answer does."""

    more: int | None = None
    """The face that is said to show more; 0 is neither."""
    same: bool | None = None
    """Whether the expressions are said to be the same."""
    equal: bool = False
    """Whether the two are said to be alike."""
    units: dict[int, dict[int, float]] = {}  # noqa: RUF012  (pydantic copies defaults)
    """Face → unit → intensity 0-5, 0 for absent."""
    emotions: dict[int, str] = {}  # noqa: RUF012
    """Face → emotion noun; under 0 that of both."""
    differs: dict[str, tuple[float, float]] | None = None
    """Code → both intensities, where they are listed."""

    @staticmethod
    def number(match: re.Match[str]) -> int:
        """The number of the face that a match of `SIDE` names."""
        return int(match["number"] or _ORDINALS[match["ordinal"].lower()])

    def stronger(
        self, action_unit: int | None, faces: tuple[int, int] | None
    ) -> Literal[0, 1, 2] | None:
        """Which of the two shows more of the unit, by what is claimed, else by the intensities."""
        named = sorted({*self.units, *([self.more] if self.more else [])})
        order = faces or (tuple(named) if len(named) == 2 else (1, 2))
        if self.more is not None:
            if self.more == 0:
                return 0
            return None if self.more not in order else 1 if self.more == order[0] else 2
        if self.equal:
            return 0
        a, b = (self.units.get(face, {}).get(action_unit or 0) for face in order)
        if a is None or b is None:
            return None
        return 0 if a == b else 1 if a > b else 2

    def alike(self) -> bool | None:
        """Whether the expressions are the same, by what is claimed, else by the emotions."""
        if self.same is not None:
            return self.same
        if 0 in self.emotions:
            return True
        found = list(self.emotions.values())
        return found[0] == found[1] if len(found) == 2 else None

    def differences(self) -> dict[str, tuple[float, float]] | None:
        """The units that differ with both intensities; None where nothing is said of both."""
        if self.differs is not None:
            return self.differs
        if self.equal:
            return {}
        if len(self.units) != 2:
            return None
        one, two = (self.units[face] for face in sorted(self.units))
        return {f"AU{n}": (one[n], two[n]) for n in sorted(set(one) & set(two)) if one[n] != two[n]}


def read_comparison(text: str) -> Said | ParseFailure:
    """Read sentences about two faces; a failure where they contradict each other or say nothing."""
    read = _Reading()
    for sentence in sentences(text):
        reason = read.cited(sentence) or read.felt(sentence) or read.claimed(sentence)
        if isinstance(reason, str):
            return ParseFailure(reason=reason, text=text)
    if len(read.more) > 1 or len(read.same) > 1 or (read.more and read.equal):
        return ParseFailure(reason="the sentences contradict each other", text=text)
    said = Said(
        more=next(iter(read.more), None),
        same=next(iter(read.same), None),
        equal=read.equal,
        units=read.units,
        emotions=read.emotions,
    )
    if said == Said():
        return ParseFailure(reason="nothing is said about two faces", text=text)
    return said


class _Reading:
    """What was read so far. Readers of a sentence return whether it was theirs, or a reason."""

    def __init__(self) -> None:
        self.units: dict[int, Units] = {}
        self.emotions: dict[int, str] = {}
        self.more: set[int] = set()
        self.same: set[bool] = set()
        self.equal = False

    def cited(self, sentence: str) -> bool | str:
        """A sentence that states units, of one face."""
        thought = parse_prose(sentence)
        if isinstance(thought, ParseFailure):
            return thought.reason
        if not thought.units and not thought.absent:
            return False
        if _BOTH_ABSENT.search(sentence):
            self.equal = True
            return True
        named = _named(sentence)
        if len(named) != 1:
            return "a sentence cites a unit and does not name one face"
        known = self.units.setdefault(named.pop(), {})
        for n, value in _stated(thought).items():
            if known.setdefault(n, value) != value:
                return f"AU{n} is stated twice"
        return True

    def felt(self, sentence: str) -> bool | str:
        """A sentence that names emotions."""
        found = _emotions(sentence, list(SIDE.finditer(sentence)))
        if isinstance(found, str):
            return found
        for side, emotion in found.items():
            if self.emotions.setdefault(side, emotion) != emotion:
                return f"two emotions of face {side}"
        return bool(found)

    def claimed(self, sentence: str) -> bool | str:
        """A sentence that compares in words alone."""
        about_expression = "expression" in sentence.lower()
        if _REST.search(sentence) or _UNSURE.search(sentence):
            return True
        if _DIFFER.search(sentence) and not _EQUAL.search(sentence):
            self.same.add(False)
        elif _DIFFER.search(sentence) and about_expression and negated(sentence):
            self.same.add(False)  # "is not the same"
        elif _EQUAL.search(sentence):
            self.equal = True
            if about_expression:
                self.same.add(True)
        elif _claims_more(sentence):
            self.more |= _leading(sentence)
        return True


def _leading(sentence: str) -> set[int]:
    """The one face of a sentence, or the first of two where it is compared `than` the second."""
    sides = list(SIDE.finditer(sentence))
    named = {Said.number(side) for side in sides}
    if len(named) == 1:
        return named
    than = re.search(r"\bthan\b", sentence, re.I)
    ordered = len(sides) == 2 and than and sides[0].end() <= than.start() <= sides[1].start()
    return {Said.number(sides[0])} if ordered and _MORE.search(sentence) else set()


def _named(sentence: str) -> set[int]:
    return {Said.number(side) for side in SIDE.finditer(sentence)}


def _claims_more(sentence: str) -> bool:
    """Whether a sentence about one face says that it shows more, and nothing else."""
    if negated(sentence) or _OTHERWISE.search(sentence):
        return False
    bare = set(words(SIDE.sub(" ", sentence))) <= _FILLERS  # "Face 2", "it is face 2"
    return bare or _MORE.search(sentence) is not None


def _stated(thought: Thought) -> Units:
    seen = {n: BARE if value is None else value for n, value in thought.units.items()}
    return {**seen, **dict.fromkeys(thought.absent, 0.0)}


def _emotions(sentence: str, sides: list[re.Match[str]]) -> dict[int, str] | str:
    """Face → emotion, each word belonging to the last face before it; 0: to both."""
    found: dict[int, str] = {}
    for match in re.finditer(r"[A-Za-z]+", sentence):
        emotion = EMOTION_WORDS.get(match[0].lower())
        if emotion is None:
            continue
        if negated(sentence):
            return f"{match[0]!r} stands in a negated sentence"
        before = [side for side in sides if side.end() <= match.start()]
        if "both" in words(sentence):
            place = 0
        elif before:
            place = Said.number(before[-1])
        else:
            return f"{match[0]!r} belongs to no face"
        if found.setdefault(place, emotion) != emotion:
            return f"two emotions of face {place}"
    return found
