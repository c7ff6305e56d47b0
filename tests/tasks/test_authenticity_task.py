"""Authenticity: true or false, surely or not, and ROC numbers as `eval` and by hand."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stated import same_numbers
from task_samples import sample

from eval.metrics.ranks import binary
from facellm.core.agreement import area_under, equal_error_rate, roc
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.authenticity import (
    AUTHENTIC,
    NOT_AUTHENTIC,
    AuthenticityAnswer,
    AuthenticityTask,
)

TASK = AuthenticityTask()
REAL, FAKE = AuthenticityAnswer(authentic=True), AuthenticityAnswer(authentic=False)
answers = st.builds(
    AuthenticityAnswer, authentic=st.booleans(), confidence=st.none() | st.floats(0.5, 1)
)


@given(answer=answers, seed=st.integers(0, 99))
def test_every_answer_survives_both_registers(answer: AuthenticityAnswer, seed: int) -> None:
    assert TASK.parse(TASK.render(answer)) == answer
    assert TASK.parse(TASK.render(answer, "prose", random.Random(seed))) == answer


def test_every_sentence_is_read_as_what_it_says() -> None:
    for texts, answer in ((AUTHENTIC, REAL), (NOT_AUTHENTIC, FAKE)):
        for text in texts:
            assert TASK.parse(f"{text}.") == answer


def test_gold_is_the_label_without_confidence() -> None:
    for value, text in ((True, "true"), (False, "false")):
        gold = TASK.target(sample(FaceLabels(authentic=value)), random.Random(0))
        assert TASK.render(gold) == f'<answer>{{"authentic": {text}}}</answer>'
    assert TASK.target(sample(FaceLabels()), random.Random(0)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"authentic": 0.9}', "authentic"),
        ('{"authentic": 1}', "authentic"),
        ('{"authentic": "true"}', "authentic"),
        ('{"authentic": null}', "authentic"),
        ('{"authentic": true, "confidence": 0.3}', "confidence: Input should be greater"),
        ('{"authentic": true, "confidence": 90}', "confidence: Input should be less"),
        ('{"authentic": true, "manipulation": "swap"}', "manipulation"),
        ('{"fake": false}', "authentic"),
        ("This face is authentic (confidence 0.2).", "confidence: Input should be greater"),
        ("This face is authentic. This face is not authentic.", "no answer"),
        ("This face is not not authentic.", "no answer"),
        ("Is this face authentic?", "no answer"),
        ("Yes.", "no answer"),
    ],
)
def test_answers_that_are_not(text: str, reason: str) -> None:
    failure = TASK.parse(text)
    assert isinstance(failure, ParseFailure) and reason in failure.reason, failure


def test_the_score_is_for_the_answer_and_not_for_the_confidence() -> None:
    assert TASK.scored('{"authentic": true, "confidence": 0.5}', REAL, "s").score.value == 1.0
    assert TASK.scored('{"authentic": true, "confidence": 0.5}', FAKE, "s").score.value == 0.0


def test_metrics_are_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random(60) < 0.6
    likely = np.clip(gold * 0.3 + rng.uniform(0, 0.8, 60), 0, 1).round(1)
    likely[likely == 0.5] = 0.6
    likely[::9] = np.nan
    subjects = [f"p{n % 6}" for n in range(60)]

    def text(p: float) -> str:
        if np.isnan(p):
            return "?"
        return TASK.render(AuthenticityAnswer(authentic=p > 0.5, confidence=max(p, 1 - p)))

    scored = [
        TASK.scored(text(p), AuthenticityAnswer(authentic=g), who)
        for p, g, who in zip(likely.tolist(), gold.tolist(), subjects, strict=True)
    ]
    found, wanted = TASK.metrics(scored), binary(likely, gold.tolist(), subjects)
    for name in ("accuracy", "auc", "eer", "answered"):
        same_numbers(found[name], wanted[name])


def test_without_any_confidence_there_is_no_curve() -> None:
    scored = [TASK.scored(TASK.render(a), g, s) for a, g, s in
              ((REAL, REAL, "a"), (FAKE, FAKE, "b"), (REAL, FAKE, "c"))]  # fmt: skip
    numbers = TASK.metrics(scored)
    assert numbers["accuracy"].value == pytest.approx(2 / 3)
    assert numbers["auc"].value is None and numbers["eer"].value is None


def test_curves_by_hand() -> None:
    truth = np.array([True, True, False, False])
    curve = roc(np.array([0.9, 0.4, 0.6, 0.1]), truth)
    assert curve[0].tolist() == [0, 0, 0.5, 0.5, 1] and curve[1].tolist() == [0, 0.5, 0.5, 1, 1]
    # Three of four pairs in order; at the threshold 0.6 half of either side is wrong.
    assert (area_under(*curve), equal_error_rate(*curve)) == (0.75, 0.5)
    assert area_under(*roc(np.full(4, 0.5), truth)) == 0.5
    assert equal_error_rate(*roc(np.full(4, 0.5), truth)) == 0.5
    perfect = roc(np.array([0.9, 0.8, 0.2, 0.1]), truth)
    assert (area_under(*perfect), equal_error_rate(*perfect)) == (1, 0)
    assert np.isnan(area_under(*roc(np.array([0.1, 0.2]), np.array([True, True]))))
    assert np.isnan(equal_error_rate(*roc(np.array([]), np.array([], dtype=bool))))
