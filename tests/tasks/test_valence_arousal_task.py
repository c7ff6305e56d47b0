"""Valence and arousal: both numbers or nothing, and metrics by hand and as `eval` has them."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stated import same_numbers
from task_samples import sample

from eval.metrics.continuous import valence_arousal
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.valence_arousal import ValenceArousalAnswer, ValenceArousalTask

TASK = ValenceArousalTask()
unit = st.floats(-1, 1)


def said(valence: float, arousal: float) -> ValenceArousalAnswer:
    return ValenceArousalAnswer(valence=valence, arousal=arousal)


@given(valence=unit, arousal=unit, seed=st.integers(0, 99))
def test_every_answer_survives_both_registers(valence: float, arousal: float, seed: int) -> None:
    answer = said(valence, arousal)
    assert TASK.parse(TASK.render(answer)) == answer
    assert TASK.parse(TASK.render(answer, "prose", random.Random(seed))) == answer


def test_gold_has_one_decimal_and_needs_both_labels() -> None:
    labels = FaceLabels(valence=-0.4173, arousal=-0.02)
    gold = TASK.target(sample(labels), random.Random(0))
    assert gold == said(-0.4, 0.0)
    assert TASK.render(gold) == '<answer>{"valence": -0.4, "arousal": 0}</answer>'
    assert TASK.render(gold, "prose") == TASK.render(gold, "prose", random.Random(0))
    assert TASK.target(sample(FaceLabels(valence=0.1)), random.Random(0)) is None
    assert TASK.target(sample(FaceLabels(arousal=0.1)), random.Random(0)) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"arousal": 1, "valence": -1}', said(-1, 1)),
        ("Valence is -0.4 and arousal is 0.25.", said(-0.4, 0.25)),
        (" The valence is 0, the arousal -1.\n", said(0, -1)),
    ],
)
def test_answers_that_are_read(text: str, answer: ValenceArousalAnswer) -> None:
    assert TASK.parse(text) == answer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"valence": 0.4}', "arousal"),
        ('{"valence": 1.1, "arousal": 0}', "valence: Input should be less"),
        ('{"valence": -40, "arousal": 20}', "valence"),
        ('{"valence": 1e999, "arousal": 0}', "valence"),
        ('{"valence": NaN, "arousal": 0}', "NaN"),
        ('{"valence": "0.4", "arousal": 0}', "valence"),
        ('{"valence": true, "arousal": 0}', "valence"),
        ('{"valence": null, "arousal": 0}', "valence"),
        ('{"valence": 0.1, "arousal": 0, "dominance": 0}', "dominance"),
        ('{"valence": 0.1, "arousal": 0, "valence": 0.2}', "twice"),
        ("Valence is -1.5 and arousal is 0.2.", "valence: Input should be greater"),
        ("Valence is not -0.4 and arousal is 0.2.", "no answer"),
        ("Valence is −0.4 and arousal is 0.2.", "no answer"),
        ("Valence is 1e-1 and arousal is 0.2.", "no answer"),
        ("Valence is 0.1 and arousal is 0.2. Valence is 0.5 and arousal is 0.2.", "no answer"),
        ("0.1, 0.2", "no answer"),
    ],
)
def test_answers_that_are_not(text: str, reason: str) -> None:
    failure = TASK.parse(text)
    assert isinstance(failure, ParseFailure) and reason in failure.reason, failure


def test_scores_by_hand() -> None:
    score = TASK.scored('{"valence": 0.5, "arousal": 0}', said(-0.5, 0.4), "s").score
    assert score.parts == {"valence": pytest.approx(0.5), "arousal": pytest.approx(0.8)}
    assert score.value == pytest.approx(0.65)
    assert TASK.compare(said(-1, -1), said(1, 1)).value == 0.0


def test_metrics_are_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    gold = rng.uniform(-1, 1, (60, 2)).round(1)
    predicted = np.clip(gold + rng.normal(0, 0.4, gold.shape), -1, 1)
    predicted[::9] = np.nan  # no answer
    gold[5] = 0.0
    subjects = [f"p{n % 7}" for n in range(60)]
    scored = [
        TASK.scored("no idea" if np.isnan(p).any() else TASK.render(said(*p)), said(*g), subject)
        for p, g, subject in zip(predicted.tolist(), gold.tolist(), subjects, strict=True)
    ]
    found, wanted = TASK.metrics(scored), valence_arousal(predicted, gold, subjects)
    for dimension in ("valence", "arousal"):
        for name in ("ccc", "rmse", "sagr"):
            same_numbers(found[f"{dimension}/{name}"], wanted[f"{dimension}/{name}"])
    same_numbers(found["answered"], wanted["valence/answered"])
    assert found["ccc"].value == pytest.approx(
        (wanted["valence/ccc"].value + wanted["arousal/ccc"].value) / 2
    )
    assert found["parsed"].value == found["answered"].value


def test_who_always_says_the_same_does_not_agree() -> None:
    golds = [said(v, 0.5) for v in (-1, 0, 1)]
    scored = [TASK.scored('{"valence": 0, "arousal": 0.5}', g, f"p{n}") for n, g in
              enumerate(golds)]  # fmt: skip
    numbers = TASK.metrics(scored)
    assert numbers["valence/ccc"].value == 0.0
    assert numbers["arousal/ccc"].value is None  # both constant and equal: undefined
    assert numbers["valence/sagr"].value == 0.0 and numbers["arousal/sagr"].value == 1.0
