"""How old a face looks: `<answer>{"age": 34}</answer>`.

Apparent age is off in the weights that this project ships: they are not trained on this task, and
writers leave it out unless `apparent_age` is set. It is here to measure other models and for those
who have a reason, and labels, of their own.
"""

import random
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from facellm.core.sample import FaceLabels, Record
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored
from facellm.tasks.columns import columns_of
from facellm.tasks.stated import NUMBER, Sentences, StatedTask, numbers, written

OLDEST = 130
"""Years; the range that the sources accept as a label."""
WORTHLESS = 20.0
"""Years off from which an answer scores nothing: a generation."""
CLOSE = 5.0
"""Years off up to which an answer counts for `cs5`."""


class AgeAnswer(Record):
    """The apparent age of one face."""

    age: float = Field(ge=0, le=OLDEST, strict=True)
    """Years."""


class AgeTask(StatedTask[AgeAnswer]):
    """Estimate how old a face looks."""

    name = "age"
    schema = record = AgeAnswer
    canonical = "How old does {face} look?"
    suffix = "Answer with the age in years as JSON."
    asks = (
        "What is the apparent age of {face}?",
        "Estimate the age of {face}.",
        "How many years old does {face} appear to be?",
    )
    prose_questions = (
        "how old does {face} look?", "how old {does} {who} look?", "{whose} age?", "age?",
        "what age would you give {them}?", "estimate {whose} age.", "guess {whose} age.",
        "what is {whose} apparent age?", "how old would you say {who} {is_}?",
        "can you tell roughly how old {who} {looks}?", "what age {does} {who} appear to be?",
        "please estimate the age of {face}.",
    )  # fmt: skip
    sentences = Sentences(
        "The person looks about {age} years old.",
        "This person appears to be {age} years old.",
        "The apparent age is {age} years.",
        "I would put the apparent age at {age} years.",
        "By looks the person is {age} years old.",
        "The face looks {age} years old.",
        "This face appears to be about {age} years old.",
        "People would usually guess an age of {age} years.",
        age=NUMBER,
    )

    def known(self, labels: FaceLabels) -> AgeAnswer | None:
        """Whole years, halves upwards; None also for a label that is no age (0-130)."""
        if labels.age is None or not 0 <= labels.age <= OLDEST:
            return None
        return AgeAnswer(age=float(int(labels.age + 0.5)))

    def say(self, answer: AgeAnswer, rng: random.Random) -> str:
        """One sentence with the years."""
        return self.sentences.write(rng, age=written(answer.age))

    def hear(self, text: str) -> dict[str, object] | None:
        """The years of a sentence."""
        return numbers(self.sentences.read(text))

    def compare(self, prediction: AgeAnswer | None, gold: AgeAnswer) -> Score:
        """1 − |Δ| / 20 years, not below 0."""
        off = WORTHLESS if prediction is None else abs(prediction.age - gold.age)
        value = 1.0 - min(1.0, off / WORTHLESS)
        return Score(value=value, parts={"age": value})

    def metrics(self, scored: Sequence[Scored[AgeAnswer]]) -> dict[str, Interval]:
        """Add errors in years.

        Returns:
            `mae`: mean absolute error over the samples with an answer; `cs5`: cumulative score, the
            share off by at most 5 years, where no answer is a miss; `answered`.
        """
        columns = columns_of(scored, lambda a: (a.age,), 1)
        off = np.abs(columns.predicted - columns.gold)[:, 0]
        return {
            **super().metrics(scored),
            "mae": columns.mean(off, columns.answered),
            "cs5": columns.mean(off <= CLOSE, share=True),
            "answered": columns.mean(columns.answered, share=True),
        }
