"""Whether a face is as the camera saw it: `<answer>{"authentic": true}</answer>`.

A face that was generated or manipulated is not authentic. Every question is put so that yes means
authentic.
"""

import random
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from facellm.core.agreement import Floats, area_under, equal_error_rate, roc
from facellm.core.sample import FaceLabels, Record
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored, answered
from facellm.tasks.columns import columns_of
from facellm.tasks.stated import NUMBER, Sentences, StatedTask, written


class AuthenticityAnswer(Record):
    """Whether one face is authentic."""

    authentic: bool = Field(strict=True)
    confidence: float | None = Field(default=None, ge=0.5, le=1, strict=True)
    """Of the answer given, so 0.5 is undecided; None where the answer does not say."""

    @property
    def likely(self) -> float:
        """How likely the face is authentic, in [0, 1]; an answer without confidence is sure."""
        sure = 1.0 if self.confidence is None else self.confidence
        return sure if self.authentic else 1.0 - sure


AUTHENTIC = (
    "This face is authentic", "The face is as the camera saw it", "This is a real face",
    "The face shows no traces of manipulation", "The face looks authentic",
    "This is a genuine picture of a face", "The face has not been generated or manipulated",
    "The picture of the face is genuine",
)  # fmt: skip
NOT_AUTHENTIC = (
    "This face is not authentic", "This is not a face as a camera saw it",
    "This is not a real face", "The face shows traces of manipulation",
    "The face does not look authentic", "This is no genuine picture of a face",
    "The face has been generated or manipulated", "The picture of the face is not genuine",
)  # fmt: skip


def _sentences(texts: tuple[str, ...]) -> tuple[Sentences, Sentences]:
    """Without and with a confidence."""
    plain = Sentences(*(f"{text}." for text in texts))
    sure = (f"{text} (confidence {{confidence}})." for text in texts)
    return plain, Sentences(*sure, confidence=NUMBER)


SENTENCES = {True: _sentences(AUTHENTIC), False: _sentences(NOT_AUTHENTIC)}


class AuthenticityTask(StatedTask[AuthenticityAnswer]):
    """Tell whether a face is authentic."""

    name = "authenticity"
    schema = record = AuthenticityAnswer
    canonical = "Is {face} authentic?"
    suffix = "Answer with authentic true or false as JSON."
    asks = (
        "Is {face} as the camera saw it?",
        "Is {face} a real face, neither generated nor manipulated?",
        "Judge whether {face} is authentic.",
    )
    prose_questions = (
        "is {face} authentic?", "is {face} real?", "is {face} genuine?", "authentic?",
        "does {face} look authentic?", "is {face} as the camera saw it?",
        "is this an authentic picture of {them}?", "would you say {face} is real?",
        "please check whether {face} is authentic.", "is {face} unaltered?",
        "is {face} free of manipulation?", "tell me whether {face} is genuine.",
    )  # fmt: skip

    def known(self, labels: FaceLabels) -> AuthenticityAnswer | None:
        """The label."""
        return None if labels.authentic is None else AuthenticityAnswer(authentic=labels.authentic)

    def say(self, answer: AuthenticityAnswer, rng: random.Random) -> str:
        """One sentence, with the confidence where the answer has one."""
        plain, sure = SENTENCES[answer.authentic]
        if answer.confidence is None:
            return plain.write(rng)
        return sure.write(rng, confidence=written(answer.confidence))

    def hear(self, text: str) -> dict[str, object] | None:
        """What a sentence says."""
        for authentic, forms in SENTENCES.items():
            for form in forms:
                slots = form.read(text)
                if slots is not None:
                    return {"authentic": authentic, **{k: float(v) for k, v in slots.items()}}
        return None

    def compare(self, prediction: AuthenticityAnswer | None, gold: AuthenticityAnswer) -> Score:
        """1 for the right answer, however sure."""
        value = float(prediction is not None and prediction.authentic == gold.authentic)
        return Score(value=value, parts={"authentic": value})

    def metrics(self, scored: Sequence[Scored[AuthenticityAnswer]]) -> dict[str, Interval]:
        """Add accuracy and, where answers have a confidence, what a threshold could reach.

        Returns:
            `accuracy`: share right, no answer is wrong; `auc` and `eer` (equal error rate) over the
            samples with an answer, undefined where no answer has a confidence, or all labels are
            the same; `answered`.
        """
        columns = columns_of(scored, lambda a: (a.likely, a.authentic), 2)
        right = columns.predicted[:, 1] == columns.gold[:, 1]
        said = [prediction for prediction, _, _ in answered(scored)]
        graded = any(p is not None and p.confidence is not None for p in said)

        def curve(predicted: Floats, gold: Floats) -> list[float]:
            if not graded:
                return [np.nan, np.nan]
            rates = roc(predicted[:, 0], gold[:, 1] == 1)
            return [area_under(*rates), equal_error_rate(*rates)]

        return {
            **super().metrics(scored),
            "accuracy": columns.mean(right, share=True),
            **columns.over_draws(("auc", "eer"), curve),
            "answered": columns.mean(columns.answered, share=True),
        }
