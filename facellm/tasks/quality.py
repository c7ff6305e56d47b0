"""How well a picture shows a face: `<answer>{"quality": 0.8}</answer>`, 1 is best."""

import random
from collections.abc import Sequence

from pydantic import Field

from facellm.core.agreement import Floats, pearson, spearman
from facellm.core.sample import FaceLabels, Record
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored
from facellm.tasks.columns import columns_of
from facellm.tasks.stated import NUMBER, Sentences, StatedTask, numbers, written

DECIMALS = 1
"""Of the gold; quality labels are rougher than that."""


class QualityAnswer(Record):
    """The quality of the picture of one face."""

    quality: float = Field(ge=0, le=1, strict=True)
    """From 0, unusable, to 1, best."""


class QualityTask(StatedTask[QualityAnswer]):
    """Rate how well the picture shows a face."""

    name = "quality"
    schema = record = QualityAnswer
    canonical = "How good is the picture quality of {face}?"
    suffix = "Answer with the quality from 0 to 1 as JSON."
    asks = (
        "Rate the picture quality of {face}.",
        "How well does the picture show {face}?",
        "What is the image quality of {face}?",
    )
    prose_questions = (
        "how good is the picture of {face}?", "picture quality?", "rate the quality of {face}.",
        "how well can you see {face}?", "is {face} shown well?", "how clear is {face}?",
        "how usable is the picture of {face}?", "give the picture quality of {face} from 0 to 1.",
        "what quality does the picture of {face} have?", "how sharp and well lit is {face}?",
        "please judge the picture quality of {face}.", "on a scale from 0 to 1, how good is the "
        "picture of {face}?",
    )  # fmt: skip
    sentences = Sentences(
        "The picture quality is {quality}.",
        "The quality of the picture is {quality}.",
        "I would rate the picture quality at {quality}.",
        "The face is shown with a quality of {quality}.",
        "This face has a picture quality of {quality}.",
        "On a scale from 0 to 1, the picture quality is {quality}.",
        "The picture of the face has a quality of {quality}.",
        "Picture quality: {quality} of 1.",
        quality=NUMBER,
    )

    def known(self, labels: FaceLabels) -> QualityAnswer | None:
        """The label, rounded to one decimal."""
        if labels.quality is None:
            return None
        return QualityAnswer(quality=round(labels.quality, DECIMALS))

    def say(self, answer: QualityAnswer, rng: random.Random) -> str:
        """One sentence with the number."""
        return self.sentences.write(rng, quality=written(answer.quality))

    def hear(self, text: str) -> dict[str, object] | None:
        """The number of a sentence."""
        return numbers(self.sentences.read(text))

    def compare(self, prediction: QualityAnswer | None, gold: QualityAnswer) -> Score:
        """1 − |Δ|."""
        value = 0.0 if prediction is None else 1.0 - abs(prediction.quality - gold.quality)
        return Score(value=value, parts={"quality": value})

    def metrics(self, scored: Sequence[Scored[QualityAnswer]]) -> dict[str, Interval]:
        """Add correlations over the samples with an answer.

        Returns:
            `srcc` (Spearman), `plcc` (Pearson, without fitting a curve first) and `answered`.
        """
        columns = columns_of(scored, lambda a: (a.quality,), 1)
        return {
            **super().metrics(scored),
            **columns.over_draws(("srcc", "plcc"), _correlations),
            "answered": columns.mean(columns.answered, share=True),
        }


def _correlations(predicted: Floats, gold: Floats) -> list[float]:
    return [spearman(predicted[:, 0], gold[:, 0]), pearson(predicted[:, 0], gold[:, 0])]
