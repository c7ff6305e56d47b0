"""Picture quality: a number in [0, 1] or nothing, and correlations as `eval` has them."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stated import same_numbers
from task_samples import sample

from eval.metrics.continuous import quality
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.quality import QualityAnswer, QualityTask

TASK = QualityTask()


@given(value=st.floats(0, 1), seed=st.integers(0, 99))
def test_every_answer_survives_both_registers(value: float, seed: int) -> None:
    answer = QualityAnswer(quality=value)
    assert TASK.parse(TASK.render(answer)) == answer
    assert TASK.parse(TASK.render(answer, "prose", random.Random(seed))) == answer


def test_gold_has_one_decimal() -> None:
    gold = TASK.target(sample(FaceLabels(quality=0.8371)), random.Random(0))
    assert gold == QualityAnswer(quality=0.8)
    assert TASK.render(gold) == '<answer>{"quality": 0.8}</answer>'
    assert TASK.target(sample(FaceLabels()), random.Random(0)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"quality": 80}', "quality: Input should be less"),
        ('{"quality": -0.1}', "quality"),
        ('{"quality": "good"}', "quality"),
        ('{"quality": false}', "quality"),
        ('{"score": 0.8}', "quality"),
        ("The picture quality is 8.", "quality: Input should be less"),
        ("The picture quality is 80%.", "no answer"),
        ("The picture quality is good.", "no answer"),
        ("The picture quality is 0,8.", "no answer"),
    ],
)
def test_answers_that_are_not(text: str, reason: str) -> None:
    failure = TASK.parse(text)
    assert isinstance(failure, ParseFailure) and reason in failure.reason, failure


def test_scores_by_hand() -> None:
    gold = QualityAnswer(quality=0.8)
    assert TASK.scored('{"quality": 0.5}', gold, "s").score.value == pytest.approx(0.7)
    assert TASK.scored("Picture quality: 0.8 of 1.", gold, "s").score.value == 1.0


def test_metrics_are_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    gold = rng.uniform(0, 1, 50).round(1)  # with ties
    predicted = np.clip(gold + rng.normal(0, 0.3, 50), 0, 1).round(1)
    predicted[::9] = np.nan
    subjects = [f"p{n % 6}" for n in range(50)]
    scored = [
        TASK.scored("?" if np.isnan(p) else f'{{"quality": {p}}}', QualityAnswer(quality=g), who)
        for p, g, who in zip(predicted.tolist(), gold.tolist(), subjects, strict=True)
    ]
    found, wanted = TASK.metrics(scored), quality(predicted, gold, subjects)
    for name in ("srcc", "plcc", "answered"):
        same_numbers(found[name], wanted[name])


def test_correlations_of_a_constant_are_undefined() -> None:
    golds = [QualityAnswer(quality=q) for q in (0.1, 0.5, 0.9)]
    scored = [TASK.scored('{"quality": 0.5}', g, f"p{n}") for n, g in enumerate(golds)]
    numbers = TASK.metrics(scored)
    assert numbers["srcc"].value is None and numbers["plcc"].value is None
