"""Apparent age: years or nothing, and errors by hand and as `eval` has them."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stated import same_numbers
from task_samples import sample

from eval.metrics.continuous import age
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.age import AgeAnswer, AgeTask

TASK = AgeTask()


@given(years=st.floats(0, 130), seed=st.integers(0, 99))
def test_every_answer_survives_both_registers(years: float, seed: int) -> None:
    answer = AgeAnswer(age=years)
    assert TASK.parse(TASK.render(answer)) == answer
    assert TASK.parse(TASK.render(answer, "prose", random.Random(seed))) == answer


@pytest.mark.parametrize(
    ("label", "years"), [(34.0, 34), (33.5, 34), (33.4, 33), (0.2, 0), (130, 130), (None, None),
                         (-1, None), (131, None), (float("nan"), None)],
)  # fmt: skip
def test_gold_is_whole_years(label: float | None, years: int | None) -> None:
    gold = TASK.target(sample(FaceLabels(age=label)), random.Random(0))
    assert gold == (None if years is None else AgeAnswer(age=years))


def test_answers_are_written_as_numbers() -> None:
    assert TASK.render(AgeAnswer(age=34)) == '<answer>{"age": 34}</answer>'
    assert TASK.parse("The apparent age is 34 years.") == AgeAnswer(age=34)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"age": 131}', "age: Input should be less"),
        ('{"age": -1}', "age: Input should be greater"),
        ('{"age": "34"}', "age"),
        ('{"age": "30s"}', "age"),
        ('{"age": true}', "age"),
        ('{"age": [30, 40]}', "age"),
        ('{"age": 34, "gender": "male"}', "gender"),
        ('{"years": 34}', "age"),
        ("The apparent age is 1999 years.", "age: Input should be less"),
        ("The apparent age is 30-40 years.", "no answer"),
        ("The apparent age is not 34 years.", "no answer"),
        ("The person looks about 34 years older.", "no answer"),
        ("I would put the apparent age at 34 years. Or 40.", "no answer"),
        ("34", "no answer"),
    ],
)
def test_answers_that_are_not(text: str, reason: str) -> None:
    failure = TASK.parse(text)
    assert isinstance(failure, ParseFailure) and reason in failure.reason, failure


@pytest.mark.parametrize(("said", "score"), [(34, 1.0), (44, 0.5), (29, 0.75), (54, 0), (130, 0)])
def test_scores_fall_to_nothing_at_twenty_years(said: float, score: float) -> None:
    assert TASK.compare(AgeAnswer(age=said), AgeAnswer(age=34)).value == pytest.approx(score)


def test_metrics_are_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(1, 90, 50).astype(float)
    predicted = np.clip(gold + rng.integers(-9, 10, 50), 0, 130)
    predicted[::9] = np.nan
    subjects = [f"p{n % 6}" for n in range(50)]
    scored = [
        TASK.scored("?" if np.isnan(p) else f'{{"age": {p}}}', AgeAnswer(age=g), subject)
        for p, g, subject in zip(predicted.tolist(), gold.tolist(), subjects, strict=True)
    ]
    found, wanted = TASK.metrics(scored), age(predicted, gold, subjects)
    for name in ("mae", "cs5", "answered"):
        same_numbers(found[name], wanted[name])


def test_errors_by_hand() -> None:
    texts = ['{"age": 30}', '{"age": 39}', '{"age": 60}', "young"]
    scored = [TASK.scored(t, AgeAnswer(age=34), f"p{n}") for n, t in enumerate(texts)]
    numbers = TASK.metrics(scored)
    assert numbers["mae"].value == pytest.approx((4 + 5 + 26) / 3)
    assert (numbers["mae"].n, numbers["cs5"].n) == (3, 4)
    assert numbers["cs5"].value == 0.5  # exactly five years off is within five
