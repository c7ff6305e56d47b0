"""Comparisons of two faces: which shows more of a movement, what differs, whether both look alike.

Two faces of a group picture are compared, or two pictures of one subject, such as a pair of
renderings that differ in one action unit. Each sentence with a citation speaks of one face and
names it, and so does each that says of a unit that it does not act.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import PROSE, Brief
from data_engine.writers.presence import comparable
from data_engine.writers.talk import Turn, draft, said
from data_engine.writers.truth import is_weak
from facellm.core.clauses import ADJECTIVES, CLAUSES
from facellm.core.evidence import state
from facellm.core.grammar import cite
from facellm.core.prose import capitalised, listing
from facellm.core.sample import Clip, FaceLabels, Sample
from facellm.tasks.reasoning import ABSENT_BELOW
from facellm.tasks.units import whole

DIFFERENT_FROM = 1.5
"""Difference of intensities from which two faces are said to differ."""
SAME_BELOW = 0.75
"""Difference up to which they are said to be alike; pairs between the two are not asked about."""

MORE = (
    "which shows more of AU{n}, {a} or {b}?", "where is AU{n} stronger, in {a} or in {b}?",
    "compare AU{n} in {a} and {b}.", "{a} or {b}: which has the stronger AU{n}?",
    "look at AU{n}. which of the two shows more of it, {a} or {b}?",
)  # fmt: skip
SMILE = (
    "which smiles more, {a} or {b}?", "who smiles more, {a} or {b}?",
    "{a} or {b}: which has the bigger smile?", "in which is the smile stronger, {a} or {b}?",
)  # fmt: skip
DIFFERENCES = (
    "what differs between {a} and {b}?", "what is different in {b} compared with {a}?",
    "compare {a} with {b}.", "how do {a} and {b} differ?", "spot the differences: {a}, {b}.",
    "what changes from {a} to {b}?", "which movements tell {a} from {b}?",
    "describe the change between {a} and {b}.",
)  # fmt: skip
ALIKE = (
    "do {a} and {b} show the same expression?", "is the expression the same in {a} and {b}?",
    "compare the expressions of {a} and {b}.", "same mood in {a} and {b}?",
    "which expressions do {a} and {b} show?",
)  # fmt: skip
STRONGER = (
    "{A} shows more of it.", "{A} does.", "It is stronger in {a}.", "More so {a}.",
    "{A}, clearly.", "The stronger one is {a}.",
)  # fmt: skip
EQUAL = (
    "Both show about the same.", "Neither stands out; they are about equal.",
    "There is little difference between the two.", "They are alike in this.",
)  # fmt: skip
NEITHER = ("AU{n} is absent in both.", "AU{n} is not visible in either of them.")
THERE = ("In {a} {clause} {cited}.", "{A}: {clause} {cited}.", "Looking at {a}, {clause} {cited}.")
AT_REST = (
    "In {a} AU{n} is absent.", "AU{n} is absent in {a}.", "{A}: AU{n} is absent.",
    "In {a} AU{n} is not visible.",
)  # fmt: skip
SAME = (
    "Apart from that the two move alike.", "All else is much the same.",
    "I see no other clear difference.",
)  # fmt: skip
NO_DIFFERENCE = (
    "The two faces move alike; nothing clearly differs.",
    "I see no clear difference between the two.",
    "Both faces do the same, as far as can be seen.",
)  # fmt: skip
ASKED = (
    "Compare the two faces in two to four sentences. Each sentence speaks of one face and names it."
)


class _Side(NamedTuple):
    """One of the two faces and its name in the text."""

    labels: FaceLabels
    name: str

    @property
    def units(self) -> dict[int, float]:
        return self.labels.action_units or {}


def _fill(template: str, **words: str) -> str:
    return capitalised(template.format(A=capitalised(words.get("a", "")), **words))


def _seen(side: _Side, n: int, rng: random.Random) -> str:
    """One sentence about one unit of one face: how strongly it acts, or that it is absent."""
    value = whole(side.units[n])
    if value < 1:
        return _fill(rng.choice(AT_REST), a=side.name, n=str(n))
    clause = rng.choice(CLAUSES[n].clauses)
    return _fill(rng.choice(THERE), a=side.name, clause=clause, cited=cite(state(n, value)))


def _equal(n: int, a: _Side, b: _Side, rng: random.Random) -> list[str]:
    """Sentences about a unit in which the faces hardly differ."""
    if max(a.units[n], b.units[n]) < ABSENT_BELOW:
        return [rng.choice(NEITHER).format(n=n)]
    return [_seen(a, n, rng), _seen(b, n, rng)]


class _Gaps(NamedTuple):
    """How far two faces are apart, unit by unit in ascending order: above 0 where the first shows
    more of it."""

    both: dict[int, float]
    """Of the units that are labelled in both."""
    fair: dict[int, float]
    """Of those whose values can be compared."""


def _gaps(a: _Side, b: _Side) -> _Gaps:
    mine, theirs = a.units, b.units
    both = {n: mine[n] - theirs[n] for n in sorted(mine.keys() & theirs.keys())}
    return _Gaps(both, {n: both[n] for n in comparable(both, a.labels, b.labels)})


def _more(a: _Side, b: _Side, rng: random.Random) -> Turn | None:
    """Ask which face shows more of a unit: half of the time of one that differs."""
    gaps = _gaps(a, b).fair
    differing = [n for n, gap in gaps.items() if abs(gap) >= DIFFERENT_FROM]
    same = [n for n, gap in gaps.items() if abs(gap) < SAME_BELOW]
    pools = [pool for pool in (differing, same) if pool]
    if not pools:
        return None
    n = rng.choice(rng.choice(pools))
    questions = SMILE if n == 12 and rng.random() < 0.7 else MORE
    question = rng.choice(questions).format(n=n, a=a.name, b=b.name)
    if n in same:
        parts = [rng.choice(EQUAL), *_equal(n, a, b, rng)]
        answer = 0
    else:
        strong, weak = (a, b) if gaps[n] > 0 else (b, a)
        parts = [
            _fill(rng.choice(STRONGER), a=strong.name), _seen(strong, n, rng), _seen(weak, n, rng)
        ]  # fmt: skip
        answer = 1 if strong is a else 2
    truth = {"kind": "more", "action_unit": n, "more": answer}
    return _turn(question, " ".join(parts), truth, (a, b), rng, "action_units")


def _differences(a: _Side, b: _Side, rng: random.Random) -> Turn | None:
    """Ask what differs: the units whose intensities are far apart, the widest first."""
    both, fair = _gaps(a, b)
    found = [n for n, gap in fair.items() if abs(gap) >= DIFFERENT_FROM]
    if not found and (not both or fair != both):
        return None
    found = sorted(found, key=lambda n: -abs(fair[n]))[:3]
    parts = []
    for n in sorted(found):
        strong, weak = (a, b) if fair[n] > 0 else (b, a)
        parts += [_seen(strong, n, rng), _seen(weak, n, rng)]
    if not found:
        top = max(both, key=lambda n: a.units[n] + b.units[n])
        parts = [rng.choice(NO_DIFFERENCE), *_equal(top, a, b, rng)]
    elif fair == both and all(abs(gap) < SAME_BELOW for n, gap in both.items() if n not in found):
        parts.append(rng.choice(SAME))
    truth = {
        "kind": "differences",
        "differs": {f"AU{n}": [whole(a.units[n]), whole(b.units[n])] for n in sorted(found)},
    }
    question = rng.choice(DIFFERENCES).format(a=a.name, b=b.name)
    return _turn(question, " ".join(parts), truth, (a, b), rng, "action_units")


def _alike(a: _Side, b: _Side, rng: random.Random) -> Turn | None:
    """Ask whether both show the same expression."""
    first, second = a.labels.emotion, b.labels.emotion
    if first is None or second is None:
        return None
    looks = [rng.choice(ADJECTIVES[name]) for name in (first, second)]
    if first == second:
        text = rng.choice((
            f"Yes, both look {looks[0]}.", f"The same: both faces look {looks[0]}.",
            f"{capitalised(a.name)} and {b.name} both look {looks[0]}.",
        ))  # fmt: skip
    else:
        text = rng.choice((
            f"They differ. {capitalised(a.name)} looks {looks[0]}, {b.name} looks {looks[1]}.",
            f"In {a.name} the face looks {looks[0]}, in {b.name} it looks {looks[1]}.",
            f"{capitalised(a.name)} reads as {looks[0]}. {capitalised(b.name)} reads as "
            f"{looks[1]}.",
        ))  # fmt: skip
    truth = {"kind": "alike", "same": first == second, "emotions": [first, second]}
    question = rng.choice(ALIKE).format(a=a.name, b=b.name)
    return _turn(question, text, truth, (a, b), rng, "emotion")


def _turn(
    question: str,
    text: str,
    truth: dict[str, Any],
    sides: Sequence[_Side],
    rng: random.Random,
    field: str,
) -> Turn:
    faces = [side.labels for side in sides]
    names = listing([f"face {n} below is {side.name}" for n, side in enumerate(sides, 1)])
    told = Brief(f"{ASKED} In the text, {names}.", faces, PROSE)
    weak = any(is_weak(labels, field) for labels in faces)
    return Turn(said(rng, question), text, "comparison", truth, told, weak)


class Comparison(Writer):
    """Two faces side by side."""

    name: ClassVar[str] = "comparison"
    pairs: ClassVar[bool] = True

    def fits(self, item: Sample | Clip) -> bool:
        """Only of pictures of several faces."""
        return isinstance(item, Sample) and len(item.faces) > 1

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Three comparisons of two faces of a group picture."""
        if isinstance(item, Clip) or len(item.faces) < 2:
            return
        for variant in range(3):
            i, j = sorted(rng.sample(range(len(item.faces)), 2))
            a = _Side(item.faces[i].labels, f"face {i + 1}")
            b = _Side(item.faces[j].labels, f"face {j + 1}")
            turn = _any(a, b, rng)
            if turn is not None:
                yield draft(self.name, [item], [turn], variant)

    def pair(self, first: Sample, second: Sample, rng: random.Random) -> Iterator[Draft]:
        """Two comparisons of two pictures that show one face each; none for other pictures."""
        if len(first.faces) != 1 or len(second.faces) != 1 or first.split != second.split:
            return
        names = rng.choice(
            (("the first picture", "the second picture"), ("picture 1", "picture 2"))
        )
        a, b = (
            _Side(item.faces[0].labels, name)
            for item, name in zip((first, second), names, strict=True)
        )
        for variant in range(2):
            turn = _any(a, b, rng)
            if turn is not None:
                yield draft(self.name, [first, second], [turn], variant)


def _any(a: _Side, b: _Side, rng: random.Random) -> Turn | None:
    """The first kind of comparison, in random order, that the labels allow."""
    kinds = [_more, _differences, _alike]
    rng.shuffle(kinds)
    return next(filter(None, (kind(a, b, rng) for kind in kinds)), None)
