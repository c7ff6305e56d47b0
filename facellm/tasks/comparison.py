"""Two faces side by side: which shows more of a unit, what differs, is the expression the same?

    {"more": "face 2"}                        or "neither": which shows more of AU12?
    {"same": false}                           do both show the same expression?
    {"differs": {"AU12": [3, 0]}}             intensities in the first and the second face

The two faces are two of one picture, of which the lower number is the first; two pictures are laid
side by side (`eval.pairs`). Questions ask about units whose intensities are clearly apart or nearly
the same, not about what lies between. Prose is read by what it says of each face; so are the texts
of the data engine's comparisons, whose gold does not say which faces they are about.
"""

import random
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, StrictBool, ValidationError, field_validator, model_validator

from facellm.core.agreement import set_f1
from facellm.core.clauses import ADJECTIVES, CLAUSES
from facellm.core.evidence import state
from facellm.core.facs import unit
from facellm.core.grammar import ParseFailure, cite, first_error, render_answer
from facellm.core.prose import capitalised
from facellm.core.sample import FaceLabels, Record, Sample
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored, Task
from facellm.tasks.read_comparison import CODE, SIDE, Said, read_comparison
from facellm.tasks.response import Register, Unanswerable, read_blocks
from facellm.tasks.units import Intensity, whole

Kind = Literal["more", "alike", "differences"]
DIFFERENT_FROM = 1.5
"""Difference of intensities from which two faces are said to differ."""
SAME_BELOW = 0.75
"""Difference below which they are said to be alike; those between the two are not asked about."""
NEITHER = "neither"

QUESTIONS: dict[Kind, tuple[str, ...]] = {
    "more": (
        "Which shows more of AU{n} ({name}), {a} or {b}? Say more: {a}, {b} or neither.",
        "Where is AU{n} ({name}) stronger, in {a} or in {b}? Say more: {a}, {b} or neither.",
        "Compare AU{n} ({name}) in {a} and {b}. Say more: {a}, {b} or neither.",
    ),
    "alike": (
        "Do {a} and {b} show the same expression? Say same: true or false.",
        "Is the expression the same in {a} and {b}? Say same: true or false.",
        "Did the expression change from {a} to {b}? Say same: true or false.",
    ),
    "differences": (
        "Which action units differ between {a} and {b}? Say differs: each with both intensities.",
        "What changes from {a} to {b}? Say differs: each action unit with both intensities.",
        "Which movements tell {a} from {b}? Say differs: each action unit with both intensities.",
    ),
}
PROSE_QUESTIONS: dict[Kind, tuple[str, ...]] = {
    "more": (
        "which shows more of AU{n}, {a} or {b}?", "where is AU{n} stronger, in {a} or in {b}?",
        "{a} or {b}: which has the stronger AU{n}?", "compare AU{n} in {a} and {b}.",
        "is AU{n} stronger in {a} or in {b}?", "who has more of AU{n}, {a} or {b}?",
    ),
    "alike": (
        "do {a} and {b} show the same expression?", "is the expression of {a} that of {b}?",
        "same expression in {a} and {b}?", "do {a} and {b} look alike in mood?",
        "did the expression change from {a} to {b}?", "compare the expressions of {a} and {b}.",
    ),
    "differences": (
        "what differs between {a} and {b}?", "how do {a} and {b} differ?",
        "which movements tell {a} from {b}?", "what changes from {a} to {b}?",
        "compare {a} with {b}.", "spot the differences between {a} and {b}.",
    ),
}  # fmt: skip
STRONGER = ("{A} shows more of it.", "It is stronger in {a}.", "The stronger one is {a}.")
EQUAL = ("Both show about the same.", "They are alike in this.", "There is little difference.")
SEEN = ("In {a} {clause} {cited}.", "{A}: {clause} {cited}.", "Looking at {a}, {clause} {cited}.")
ABSENT = ("In {a} AU{n} is absent.", "AU{n} is absent in {a}.", "{A}: AU{n} is absent.")
NOTHING = ("The two faces move alike; nothing clearly differs.",
           "I see no clear difference between the two.", "Both faces do the same.")  # fmt: skip
ALIKE = ("Yes, both show the same expression.", "The expression is the same in both.",
         "Both share the same expression.")  # fmt: skip
CHANGED = ("No, the expressions differ.", "The expression is not the same.", "They differ.")


class ComparisonJson(Record):
    """The JSON of the answer: one of the three."""

    more: str | None = None
    """`face 2`, or `neither`."""
    same: StrictBool | None = None
    differs: dict[str, tuple[Intensity, Intensity]] | None = None
    """FACS code → intensity 0-5 in the first and in the second face."""

    @model_validator(mode="after")
    def _one(self) -> "ComparisonJson":
        if len(self.model_fields_set) != 1 or None in (getattr(self, *self.model_fields_set),):
            raise ValueError("expected one of more, same and differs")
        if (self.more or NEITHER).lower() != NEITHER and not SIDE.fullmatch(str(self.more)):
            raise ValueError(f"{self.more!r} is neither a face such as 'face 2' nor 'neither'")
        return self

    @field_validator("differs")
    @classmethod
    def _units(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        for code in value or {}:
            if not CODE.fullmatch(code):
                raise ValueError(f"{code!r} is not a known action unit")
            unit(int(code[2:]))
        return value


class ComparisonAnswer(Record):
    """What is true of two faces; gold of one kind, as writers of comparisons state it."""

    kind: Kind
    faces: tuple[int, int] | None = None
    """Their numbers in the picture; None where the text names them alone."""
    action_unit: int | None = None
    more: Literal[0, 1, 2] | None = None
    """The first, the second or, 0, neither."""
    same: bool | None = None
    emotions: tuple[str, str] | None = None
    differs: dict[str, tuple[float, float]] | None = None


class ComparisonTask(Task[Any]):
    """Compare two faces of a picture.

    `question` and `target` draw the other face, the kind and the unit first, so equal seeds speak
    about the same. Gold is a `ComparisonAnswer`, a reading of free text a `Said`.
    """

    name = "comparison"
    schema: type[BaseModel] = ComparisonJson
    canonical = "Which action units differ between {face} and the next one?"
    suffix = "Answer with the comparison as JSON."
    asks = ()

    def question(
        self, sample: Sample, rng: random.Random, face: int = 1, register: Register = "task"
    ) -> str:
        """Ask about this face and another one, the lower number first."""
        drawn = _drawn(sample, rng, face)
        if drawn is None:
            a, b = sorted((face, 1 if face > 1 else 2))
            drawn = ComparisonAnswer(kind="alike", faces=(a, b))
        assert drawn.faces is not None
        one, two = (f"face {number}" for number in drawn.faces)
        n = drawn.action_unit
        name = "" if n is None else unit(n).name.lower()
        if register == "prose":
            text = rng.choice(PROSE_QUESTIONS[drawn.kind]).format(a=one, b=two, n=n)
            style = rng.random()
            return capitalised(text) if style < 0.6 else text.rstrip("?.") if style < 0.75 else text
        text = rng.choice(QUESTIONS[drawn.kind]).format(a=one, b=two, n=n, name=name)
        return f"{text} {self.suffix}"

    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do."""
        return self.question(sample, rng, face, "prose")

    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> ComparisonAnswer | None:
        """What is true of this face and the other that the generator draws."""
        return _drawn(sample, rng, face)

    def render(
        self,
        answer: ComparisonAnswer,
        register: Register = "task",
        rng: random.Random | None = None,
    ) -> str:
        """Write the JSON block, or sentences of which each speaks of one face."""
        names = tuple(f"face {number}" for number in answer.faces or (1, 2))
        if register == "prose":
            return _prose(answer, names, rng or random.Random(0))
        if answer.kind == "more":
            return render_answer({"more": (NEITHER, *names)[answer.more or 0]})
        if answer.kind == "alike":
            return render_answer({"same": answer.same})
        return render_answer({"differs": {**(answer.differs or {})}})

    def parse(self, text: str) -> Said | Unanswerable | ParseFailure:
        """Read an answer block, bare JSON, or sentences that say of each face what it shows."""
        blocks = read_blocks(text)
        if isinstance(blocks, ParseFailure | Unanswerable):
            return blocks
        if blocks is None:
            return read_comparison(text)
        try:
            read = ComparisonJson.model_validate(blocks.answer)
        except ValidationError as error:
            return ParseFailure(reason=first_error(error), text=text)
        if read.more is not None:
            match = SIDE.fullmatch(read.more)
            return Said(more=0 if match is None else Said.number(match))
        return Said(same=read.same, differs=read.differs)

    def compare(self, prediction: Said | None, gold: ComparisonAnswer) -> Score:
        """1 or 0 for `more` and `same`.

        `differs`: F1 of the units that differ, each right only with the right sign.
        """
        said = prediction or Said()
        right: dict[str, float | None]
        if gold.kind == "more":
            right = {"more": float(said.stronger(gold.action_unit, gold.faces) == gold.more)}
        elif gold.kind == "alike":
            right = {"same": float(said.alike() == gold.same)}
        else:
            right = {"differs": _signed_f1(said.differences(), gold.differs or {})}
        return Score(value=next(iter(right.values())), parts=right)

    def metrics(self, scored: Sequence[Scored[Any]]) -> dict[str, Interval]:
        """Add the mean of each kind's part: `more` and `same` are accuracies, `differs` an F1."""
        return {**super().metrics(scored), **self.part_means(scored, ("more", "same", "differs"))}


def _drawn(sample: Sample, rng: random.Random, face: int) -> ComparisonAnswer | None:
    """A comparison that the labels allow, of a kind and with a face drawn at random."""
    if not 1 <= face <= len(sample.faces) or len(sample.faces) < 2:
        return None
    others = [n for n in range(1, len(sample.faces) + 1) if n != face]
    kinds = list(_MADE)
    rng.shuffle(others)
    rng.shuffle(kinds)
    for other in others:
        faces = (min(face, other), max(face, other))
        first, second = (sample.faces[n - 1].labels for n in faces)
        made = (_MADE[kind](first, second, faces, rng) for kind in kinds)
        if answer := next((answer for answer in made if answer is not None), None):
            return answer
    return None


def _gaps(first: FaceLabels, second: FaceLabels) -> dict[int, float]:
    """How much more of each unit the first shows; units coded as present alone have no strength."""
    one, two = first.action_units or {}, second.action_units or {}
    graded = (set(one) & set(two)) - first.presence_only - second.presence_only
    return {n: one[n] - two[n] for n in sorted(graded)}


def _more(
    first: FaceLabels, second: FaceLabels, faces: tuple[int, int], rng: random.Random
) -> ComparisonAnswer | None:
    """Which shows more of a unit: as often one in which they are alike as one that differs."""
    gaps = _gaps(first, second)
    differing = [n for n, gap in gaps.items() if abs(gap) >= DIFFERENT_FROM]
    alike = [n for n, gap in gaps.items() if abs(gap) < SAME_BELOW]
    pools = [pool for pool in (differing, alike) if pool]
    if not pools:
        return None
    n = rng.choice(rng.choice(pools))
    more: Literal[0, 1, 2] = 0 if n in alike else 1 if gaps[n] > 0 else 2
    stated = {f"AU{n}": (_whole(first, n), _whole(second, n))}
    return ComparisonAnswer(kind="more", faces=faces, action_unit=n, more=more, differs=stated)


def _alike(
    first: FaceLabels, second: FaceLabels, faces: tuple[int, int], rng: random.Random
) -> ComparisonAnswer | None:
    if first.emotion is None or second.emotion is None:
        return None
    emotions = first.emotion, second.emotion
    same = first.emotion == second.emotion
    return ComparisonAnswer(kind="alike", faces=faces, same=same, emotions=emotions)


def _differences(
    first: FaceLabels, second: FaceLabels, faces: tuple[int, int], rng: random.Random
) -> ComparisonAnswer | None:
    gaps = _gaps(first, second)
    if not gaps or any(SAME_BELOW <= abs(gap) < DIFFERENT_FROM for gap in gaps.values()):
        return None
    found = [n for n, gap in gaps.items() if abs(gap) >= DIFFERENT_FROM]
    differs = {f"AU{n}": (_whole(first, n), _whole(second, n)) for n in found}
    return ComparisonAnswer(kind="differences", faces=faces, differs=differs)


_MADE = {"more": _more, "alike": _alike, "differences": _differences}


def _whole(labels: FaceLabels, n: int) -> float:
    return whole((labels.action_units or {})[n])


def _prose(answer: ComparisonAnswer, names: tuple[str, ...], rng: random.Random) -> str:
    def fill(templates: Sequence[str], a: str = "", **slots: Any) -> str:
        return capitalised(rng.choice(templates).format(a=a, A=capitalised(a), **slots))

    if answer.kind == "alike":
        parts = [fill(ALIKE if answer.same else CHANGED)]
        pairs = zip(names, answer.emotions or (), strict=False)
        return " ".join(parts + [f"{capitalised(a)} looks {rng.choice(ADJECTIVES[e])}."
                                 for a, e in pairs])  # fmt: skip
    parts = []
    if answer.kind == "more":
        parts = [fill(STRONGER, names[answer.more - 1]) if answer.more else fill(EQUAL)]
    elif not answer.differs:
        parts = [fill(NOTHING)]
    for code, values in (answer.differs or {}).items():
        n = int(code[2:])
        for name, value in zip(names, values, strict=True):
            if value < 1:
                parts.append(fill(ABSENT, name, n=n))
            else:
                clause = rng.choice(CLAUSES[n].clauses)
                parts.append(fill(SEEN, name, clause=clause, cited=cite(state(n, value))))
    return " ".join(parts)


def _signed_f1(
    said: dict[str, tuple[float, float]] | None, gold: dict[str, tuple[float, float]]
) -> float:
    """F1 of units with the direction in which they differ; 0 for no answer."""
    if said is None:
        return 0.0
    one, two = (
        {int(code[2:]) * (1 if a > b else -1) for code, (a, b) in units.items() if a != b}
        for units in (said, gold)
    )
    return set_f1(one, two)
