"""How pleasant and how awake a face looks: `<answer>{"valence": -0.4, "arousal": 0.2}</answer>`."""

import random
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from facellm.core.agreement import Floats, ccc, defined_mean, root_mean_squared_error
from facellm.core.sample import FaceLabels, Record
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored
from facellm.tasks.columns import Columns, columns_of
from facellm.tasks.stated import NUMBER, Sentences, StatedTask, numbers, written

DIMENSIONS = ("valence", "arousal")
DECIMALS = 1
"""Of the gold: the second decimal of a label is below what two people agree on."""


class ValenceArousalAnswer(Record):
    """Both dimensions of affect that a face shows."""

    valence: float = Field(ge=-1, le=1, strict=True)
    """From -1, unpleasant, to 1, pleasant."""
    arousal: float = Field(ge=-1, le=1, strict=True)
    """From -1, quiet, to 1, agitated."""


class ValenceArousalTask(StatedTask[ValenceArousalAnswer]):
    """Rate valence and arousal of a face."""

    name = "valence_arousal"
    schema = record = ValenceArousalAnswer
    canonical = "What are the valence and the arousal of {face}?"
    suffix = "Answer with valence and arousal from -1 to 1 as JSON."
    asks = (
        "Rate the valence and the arousal of {face}.",
        "How pleasant and how aroused does {face} look?",
        "Give valence and arousal of {face}.",
    )
    prose_questions = (
        "how pleasant and how aroused {does} {who} look?", "valence and arousal?",
        "what are {whose} valence and arousal?", "rate {whose} valence and arousal.",
        "rate valence and arousal from -1 to 1 for {them}.", "valence/arousal of {face}?",
        "where would you put {whose} expression on valence and arousal?",
        "give me valence and arousal for {face}.", "how positive and how activated is {face}?",
        "could you estimate valence and arousal of {face}?",
        "please rate how pleasant and how agitated {who} {looks}.",
        "on a scale from -1 to 1, what are valence and arousal of {face}?",
    )  # fmt: skip
    sentences = Sentences(
        "Valence is {valence} and arousal is {arousal}.",
        "The valence is {valence}, the arousal {arousal}.",
        "I would put valence at {valence} and arousal at {arousal}.",
        "This face shows a valence of {valence} and an arousal of {arousal}.",
        "The expression has a valence of {valence} and an arousal of {arousal}.",
        "On a scale from -1 to 1, valence is {valence} and arousal is {arousal}.",
        "People would usually rate the valence at {valence} and the arousal at {arousal}.",
        "Valence {valence}, arousal {arousal}, both on a scale from -1 to 1.",
        valence=NUMBER,
        arousal=NUMBER,
    )

    def known(self, labels: FaceLabels) -> ValenceArousalAnswer | None:
        """Both labels, rounded to one decimal."""
        if labels.valence is None or labels.arousal is None:
            return None
        return ValenceArousalAnswer(
            valence=_rounded(labels.valence), arousal=_rounded(labels.arousal)
        )

    def say(self, answer: ValenceArousalAnswer, rng: random.Random) -> str:
        """One sentence with both numbers."""
        return self.sentences.write(
            rng, valence=written(answer.valence), arousal=written(answer.arousal)
        )

    def hear(self, text: str) -> dict[str, object] | None:
        """Both numbers of a sentence."""
        return numbers(self.sentences.read(text))

    def compare(self, prediction: ValenceArousalAnswer | None, gold: ValenceArousalAnswer) -> Score:
        """The mean of `valence` and `arousal`, each 1 − |Δ| / 2: 0 for the opposite end."""
        if prediction is None:
            return Score(value=0.0, parts=dict.fromkeys(DIMENSIONS, 0.0))
        parts = {
            "valence": 1.0 - abs(prediction.valence - gold.valence) / 2,
            "arousal": 1.0 - abs(prediction.arousal - gold.arousal) / 2,
        }
        return Score(value=sum(parts.values()) / 2, parts={**parts})

    def metrics(self, scored: Sequence[Scored[ValenceArousalAnswer]]) -> dict[str, Interval]:
        """Add agreement on both dimensions.

        Returns:
            `ccc`: the mean of `valence/ccc` and `arousal/ccc` (Lin's concordance); `…/rmse`: root
            of the mean squared error; both over the samples with an answer. `…/sagr`: share whose
            sign is right, over gold that is not 0; no answer and 0 are wrong. `answered`.
        """
        columns = columns_of(scored, lambda a: (a.valence, a.arousal), 2)
        names = ("ccc", *(f"{d}/{what}" for what in ("ccc", "rmse") for d in DIMENSIONS))
        return {
            **super().metrics(scored),
            **columns.over_draws(names, _agreement),
            **{f"{d}/sagr": _signs(columns, i) for i, d in enumerate(DIMENSIONS)},
            "answered": columns.mean(columns.answered, share=True),
        }


def _rounded(value: float) -> float:
    return round(value, DECIMALS) + 0.0  # no -0.0


def _agreement(predicted: Floats, gold: Floats) -> list[float]:
    pairs = list(zip(predicted.T, gold.T, strict=True))
    concordance = [ccc(p, g) for p, g in pairs]
    errors = [root_mean_squared_error(p, g) for p, g in pairs]
    return [defined_mean(np.asarray(concordance)), *concordance, *errors]


def _signs(columns: Columns, which: int) -> Interval:
    predicted, gold = columns.predicted[:, which], columns.gold[:, which]
    return columns.mean(np.sign(predicted) == np.sign(gold), gold != 0, share=True)
