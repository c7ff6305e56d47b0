"""What a task is: one capability, asked, answered, read, scored and measured by one definition.

    sample ── question ──▶ text ──▶ model ──▶ text ── parse ──▶ prediction ─┐
       └───── target ────▶ gold ── render ──▶ training text                 ├─ score ─▶ metrics
                             └──────────────────────────────────────────────┘

The data engine asks and renders, training reads what it rendered, a reward is `score`, a benchmark
aggregates the same scores. Questions may draw from `rng`; `question` and `target` given equally
seeded generators speak about the same thing (such as the same region). `exchange` sees to that.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels, Record, Sample
from facellm.core.statistics import Interval, cluster_mean
from facellm.tasks.response import Register, Unanswerable, missing_face, render_unanswerable
from facellm.tasks.wording import the_face

A = TypeVar("A", bound=BaseModel)


class Score(Record):
    """How good one answer is."""

    value: float | None
    """In [0, 1], 1 for the gold answer; None is unscored: the gold lacks what it takes."""
    parts: dict[str, float | None]
    """Named parts in [0, 1]; None is unscored."""


@dataclass(frozen=True)
class Scored(Generic[A]):
    """One answer with its gold and its score, as metrics take them."""

    prediction: A | Unanswerable | ParseFailure
    gold: A | Unanswerable
    score: Score
    subject_id: str


@dataclass(frozen=True)
class Exchange(Generic[A]):
    """A question and the answer a good model would give to it."""

    question: str
    text: str
    answer: A | Unanswerable


def labels_of(sample: Sample, face: int) -> FaceLabels | None:
    """What is known of the face with this index from 1, None where the sample has no such face."""
    return sample.faces[face - 1].labels if 1 <= face <= len(sample.faces) else None


class Task(ABC, Generic[A]):
    """One capability. Subclasses are stateless; `facellm.tasks.TASKS` holds one of each."""

    name: str
    schema: type[BaseModel]
    """The model of the answer's JSON, as the API publishes it."""
    canonical: str
    """The plain question with `{face}` in it, which `describe` sends."""
    suffix: str
    """Closes every question of the task register and tells a small model the format."""
    asks: tuple[str, ...]
    """More questions of the task register with `{face}`."""
    target_draws = True
    """Whether `target` uses its generator; False where it never does, so that `exchange` need not
    seed one anew for the question, which takes a tenth of its time."""

    def canonical_question(self, face: int | None = None) -> str:
        """The one fixed question; None asks about the only face of a picture."""
        named = "this face" if face is None else f"face {face}"
        return f"{self.canonical.format(face=named)} {self.suffix}"

    def question(
        self, sample: Sample, rng: random.Random, face: int = 1, register: Register = "task"
    ) -> str:
        """Ask about one face, counted from 1 at the left, in one of many wordings."""
        if register == "prose":
            return self.prose_question(sample, rng, face)
        named = the_face(rng, len(sample.faces), face)
        return f"{rng.choice((self.canonical, *self.asks)).format(face=named)} {self.suffix}"

    @abstractmethod
    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do in a chat."""

    @abstractmethod
    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> A | None:
        """The gold answer; None where the labels it takes, or the face, are missing."""

    @abstractmethod
    def render(
        self, answer: A, register: Register = "task", rng: random.Random | None = None
    ) -> str:
        """Write an answer; `rng` varies prose, None gives one fixed wording."""

    @abstractmethod
    def parse(self, text: str) -> A | Unanswerable | ParseFailure:
        """Read a response of either register; a failure is a value with a reason."""

    @abstractmethod
    def compare(self, prediction: A | None, gold: A) -> Score:
        """Score an answer against gold; None is a response that does not answer."""

    def exchange(
        self, sample: Sample, rng: random.Random, face: int = 1, register: Register = "task"
    ) -> Exchange[A] | None:
        """A question with its rendered gold answer; None where the labels are missing."""
        seed = rng.getrandbits(64)
        missing = missing_face(sample, face)
        draws = random.Random(seed)
        answer = missing or self.target(sample, draws, face)
        if answer is None:
            return None
        if self.target_draws:
            draws.seed(seed)
        question = self.question(sample, draws, face, register)
        if isinstance(answer, Unanswerable):
            return Exchange(question, render_unanswerable(answer, register), answer)
        return Exchange(question, self.render(answer, register, rng), answer)

    def score(self, prediction: A | Unanswerable | ParseFailure, gold: A | Unanswerable) -> Score:
        """Score a parsed response; a failure, or a refusal of an answerable question, gets 0."""
        if isinstance(gold, Unanswerable):
            right = float(gold.same(prediction))
            return Score(value=right, parts={"missing_face": right})
        if isinstance(prediction, ParseFailure | Unanswerable):
            return self.compare(None, gold)
        return self.compare(prediction, gold)

    def scored(self, text: str, gold: A | Unanswerable, subject_id: str) -> Scored[A]:
        """Parse and score one response."""
        prediction = self.parse(text)
        return Scored(prediction, gold, self.score(prediction, gold), subject_id)

    def metrics(self, scored: Sequence[Scored[A]]) -> dict[str, Interval]:
        """Numbers over samples with 95 % intervals clustered by subject.

        `score` is the mean of the scored values, `parsed` the share of responses in the grammar;
        both lie in [0, 1]. Subclasses add their own.
        """
        values = [(s.subject_id, s.score.value) for s in scored if s.score.value is not None]
        subjects = [s.subject_id for s in scored]
        parsed = [float(not isinstance(s.prediction, ParseFailure)) for s in scored]
        return {
            "score": cluster_mean(*_columns(values), share=True),
            "parsed": cluster_mean(subjects, parsed, share=True),
        }

    def part_means(self, scored: Sequence[Scored[A]], parts: Sequence[str]) -> dict[str, Interval]:
        """The mean of each named part over the samples for which it is scored."""
        means = {}
        for part in parts:
            values = [(s.subject_id, s.score.parts.get(part)) for s in scored]
            known = [(subject, value) for subject, value in values if value is not None]
            means[part] = cluster_mean(*_columns(known), share=True)
        return means


def _columns(pairs: Sequence[tuple[str, float]]) -> tuple[list[str], list[float]]:
    return [subject for subject, _ in pairs], [value for _, value in pairs]


def answered(scored: Sequence[Scored[A]]) -> list[tuple[A | None, A, str]]:
    """Prediction (None: no answer), gold and subject of the samples whose gold is an answer."""
    return [
        (
            None if isinstance(s.prediction, ParseFailure | Unanswerable) else s.prediction,
            s.gold,
            s.subject_id,
        )
        for s in scored
        if not isinstance(s.gold, Unanswerable)
    ]
