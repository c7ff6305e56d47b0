"""Finer expressions than eight: `<answer>{"category": "elation"}</answer>`.

Two protocols: the forty categories of EmoNet-Face and the eleven compound expressions of RAF-DB. A
question of the task register lists all classes, since nobody knows forty names by heart; one of the
prose register names the protocol. Gold is the source's own class (`FaceLabels.expression`).
"""

import random
from collections.abc import Sequence
from typing import ClassVar, TypeVar

from pydantic import field_validator

from facellm.core.emotions import COMPOUNDS, EMONET40
from facellm.core.errors import given
from facellm.core.sample import FaceLabels, Record
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored, answered
from facellm.tasks.class_metrics import class_metrics
from facellm.tasks.stated import Sentences, StatedTask


class CategoryAnswer(Record):
    """One class of a protocol."""

    classes: ClassVar[tuple[str, ...]]
    category: str
    """A class by its own name, whatever its case."""

    @field_validator("category")
    @classmethod
    def _known(cls, value: str) -> str:
        name = " ".join(value.lower().split())
        if name not in cls.classes:
            raise ValueError(f"{given(value)} is none of the {len(cls.classes)} classes")
        return name


class Emotion40Answer(CategoryAnswer):
    """One of the forty categories of EmoNet-Face."""

    classes = EMONET40


class CompoundAnswer(CategoryAnswer):
    """One of the eleven compound expressions of RAF-DB."""

    classes = COMPOUNDS


C = TypeVar("C", bound=CategoryAnswer)


class CategoryTask(StatedTask[C]):
    """Choose one class of a protocol."""

    sentences: Sentences

    def known(self, labels: FaceLabels) -> C | None:
        """The source's class; None where it is of another protocol, or several tie."""
        if labels.expression is None or labels.expression.lower() not in self.record.classes:
            return None
        return self.record(category=labels.expression)

    def say(self, answer: C, rng: random.Random) -> str:
        """One sentence with the class by its name."""
        return self.sentences.write(rng, category=answer.category)

    def hear(self, text: str) -> dict[str, object] | None:
        """The class of a sentence."""
        slots = self.sentences.read(text)
        return None if slots is None else {**slots}

    def metrics(self, scored: Sequence[Scored[C]]) -> dict[str, Interval]:
        """Add `accuracy`, `uar` and `macro_f1` of `class_metrics`; a failure is an error."""
        pairs = [
            (None if p is None else p.category, g.category, who) for p, g, who in answered(scored)
        ]
        return {**super().metrics(scored), **class_metrics(pairs, self.record.classes)}


def _right(prediction: CategoryAnswer | None, gold: CategoryAnswer) -> Score:
    value = float(prediction is not None and prediction.category == gold.category)
    return Score(value=value, parts={"category": value})


class Emotion40Task(CategoryTask[Emotion40Answer]):
    """Name the emotion of a face among forty."""

    name = "emotion40"
    schema = record = Emotion40Answer
    canonical = "Which of forty emotions does {face} show?"
    suffix = f"Answer with the category as JSON, one of: {'; '.join(EMONET40)}."
    asks = (
        "Which category of EmoNet-Face fits {face} best?",
        "Name the fine-grained emotion of {face}.",
        "Which emotion category does {face} show most?",
    )
    prose_questions = (
        "which of the forty EmoNet-Face categories {does} {who} show?",
        "which EmoNet-Face category fits {face} best?", "EmoNet-Face category of {face}?",
        "name the emotion of {face} as one of the forty EmoNet-Face categories.",
        "out of the forty categories of EmoNet-Face, which {does} {who} show?",
        "what would EmoNet-Face call {whose} expression?", "{whose} EmoNet-Face category, please.",
        "sort {face} into one of the forty EmoNet-Face categories.",
        "by the taxonomy of EmoNet-Face, what {does} {who} show?",
        "pick the EmoNet-Face category for {them}.",
        "classify {whose} expression by the forty categories of EmoNet-Face.",
        "how would a rater of EmoNet-Face label {face}?",
    )  # fmt: skip
    sentences = Sentences(
        "The face shows {category}.",
        "Of the forty categories, {category} fits best.",
        "The category is {category}.",
        "The expression belongs to {category}.",
        "I would choose the category {category}.",
        "This expression is one of {category}.",
        "Raters would call it {category}.",
        "The strongest category is {category}.",
        "The person shows {category}.",
        category="|".join(EMONET40),
    )

    def compare(self, prediction: Emotion40Answer | None, gold: Emotion40Answer) -> Score:
        """1 for the same category, else 0."""
        return _right(prediction, gold)


class CompoundTask(CategoryTask[CompoundAnswer]):
    """Name the compound expression of a face, such as happily surprised."""

    name = "compound_expression"
    schema = record = CompoundAnswer
    canonical = "Which compound expression does {face} show?"
    suffix = f"Answer with the category as JSON, one of: {', '.join(COMPOUNDS)}."
    asks = (
        "Which two emotions does {face} show together?",
        "Name the compound expression of {face}.",
        "Which mixture of emotions does {face} show?",
    )
    prose_questions = (
        "which compound expression {does} {who} show?", "compound expression?",
        "which mixture of two emotions {does} {who} show?",
        "what is {whose} compound expression?", "which blend of emotions {does} {who} show?",
        "name the compound expression of {face}.", "which two emotions mix in {face}?",
        "by the compound classes of RAF-DB, what {does} {who} show?",
        "what mixed expression {does} {who} have?", "classify {whose} compound expression.",
        "tell me {whose} compound expression.", "how do two emotions blend in {face}?",
    )  # fmt: skip
    sentences = Sentences(
        "The face looks {category}.",
        "The person looks {category}.",
        "The expression is {category}.",
        "The compound expression is {category}.",
        "This face appears {category}.",
        "I would call it {category}.",
        "Two emotions mix here: the face looks {category}.",
        "The mixture reads as {category}.",
        "The person seems {category}.",
        category="|".join(COMPOUNDS),
    )

    def compare(self, prediction: CompoundAnswer | None, gold: CompoundAnswer) -> Score:
        """1 for the same compound, else 0."""
        return _right(prediction, gold)
