"""Stated probabilities against what was right: which can be used, and how far to believe them.

Only answers of the task `expression` come with probabilities, those of our own models and of tools
that write them down. One that cannot be used is counted by its reason and never mended.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eval.metrics.calibration import calibration
from eval.question import Answer, Question
from facellm.core.emotions import EMOTIONS
from facellm.core.statistics import Interval, cluster_mean
from facellm.tasks.expression import ExpressionAnswer

NONE = "probabilities: none given"
ROUNDING = 0.02
"""How far probabilities may sum up to something else than 1."""


class Likely(NamedTuple):
    """The probabilities that came with an answer to a question of the task `expression`."""

    subject_id: str
    probabilities: dict[str, float] | None
    gold: str


class Held(NamedTuple):
    """How sure a model is of the emotion that it holds for the likeliest, and whether it is it."""

    subject_id: str
    confidence: float
    right: bool


def held(answers: Sequence[Likely]) -> tuple[list[Held], dict[str, int]]:
    """What can be used, and why the rest cannot, counted."""
    usable: list[Held] = []
    why: Counter[str] = Counter()
    for subject, probabilities, gold in answers:
        reason = unusable(probabilities)
        if reason is not None:
            why[reason] += 1
        elif probabilities is not None:
            best = max(probabilities, key=lambda word: probabilities[word])
            usable.append(Held(subject, min(1.0, probabilities[best]), best == gold))
    return usable, dict(why)


def unusable(probabilities: dict[str, float] | None) -> str | None:
    """Why these are no probabilities of the emotions; None where they are."""
    if not probabilities:
        return NONE
    unknown = [word for word in probabilities if word not in EMOTIONS]
    if unknown:
        return f"probabilities: {unknown[0]!r} is no emotion"
    values = probabilities.values()
    if not all(math.isfinite(value) and value >= 0 for value in values):
        return "probabilities: negative or not finite"
    if abs(sum(values) - 1) > ROUNDING:
        return "probabilities: they do not sum up to 1"
    return None


def calibration_metrics(
    task: str, questions: Sequence[Question], answers: dict[str, Answer]
) -> tuple[dict[str, int], dict[str, Interval]]:
    """What cannot be used, by reason, and the numbers of `calibration` over what can.

    `probabilities` is the share of answers whose probabilities can be used; both are empty where
    a model gives none.
    """
    if task != "expression":
        return {}, {}
    came = [
        Likely(q.subject_id, answers[q.id].probabilities, q.gold.emotion)
        for q in questions
        if isinstance(q.gold, ExpressionAnswer) and q.id in answers and answers[q.id].text
    ]
    usable, why = held(came)
    if not usable and set(why) <= {NONE}:
        return {}, {}
    found = calibration(
        np.array([one.confidence for one in usable]),
        [one.right for one in usable],
        [one.subject_id for one in usable],
    )
    kept = ("ece", "ece_mass", "brier", "overconfidence")
    share = cluster_mean(
        [one.subject_id for one in came],
        [float(unusable(one.probabilities) is None) for one in came],
        share=True,
    )
    return why, {"probabilities": share, **{name: found[name] for name in kept}}
