"""Probabilities that came with answers: used, or counted by why they cannot be."""

import numpy as np
import pytest

from eval.benchmark import Benchmark
from eval.confidence import Likely, calibration_metrics, held, unusable
from eval.metrics.calibration import calibration
from eval.models.guess import Guess
from eval.question import Answer
from eval.run import evaluate
from facellm.core.emotions import EMOTIONS


def likely(word, sure):
    rest = (1 - sure) / (len(EMOTIONS) - 1)
    return {emotion: sure if emotion == word else rest for emotion in EMOTIONS}


@pytest.mark.parametrize(
    ("probabilities", "reason"),
    [
        (None, "none given"),
        ({}, "none given"),
        ({"hunger": 1.0}, "'hunger' is no emotion"),
        ({"anger": 0.7, "fear": 0.2}, "do not sum up to 1"),
        ({"anger": 1.5, "fear": -0.5}, "negative"),
        ({"anger": float("nan"), "fear": 1.0}, "not finite"),
    ],
)
def test_what_is_no_distribution_is_counted_by_its_reason(probabilities, reason):
    usable, why = held([Likely("u", probabilities, "anger")])
    assert not usable and reason in next(iter(why))


def test_the_likeliest_emotion_is_what_counts():
    one, two = held(
        [Likely("u", likely("fear", 0.6), "fear"), Likely("v", {"anger": 1.01}, "fear")]
    )[0]
    assert (one.confidence, one.right) == (0.6, True)
    assert (two.confidence, two.right) == (1.0, False)  # rounding is forgiven
    assert unusable(likely("fear", 0.6)) is None


class Sure(Guess):
    """Right in all but every third answer, and 80 % sure in each but the first two."""

    async def answers(self, questions):
        for n, question in enumerate(questions):
            gold = question.gold.emotion
            said = gold if n % 3 else EMOTIONS[EMOTIONS.index(gold) - 1]
            sure = None if n == 0 else {"anger": 3.0} if n == 1 else likely(said, 0.8)
            yield Answer(id=question.id, text=said, probabilities=sure)


def test_a_run_states_calibration_with_its_interval(corpus, tmp_path):
    asked = Benchmark(name="b", task="expression", corpus=corpus)
    questions = asked.questions()
    result, _ = evaluate(asked, questions, "m", Sure(kind="gold", task="expression"), tmp_path)
    # 48 of 50 answers count; 16 of them (n = 3, 6, … 48) are wrong, so 2/3 are right at 0.8.
    assert result.metrics["probabilities"].value == pytest.approx(48 / 50)
    ece = result.metrics["ece"]
    assert ece.value == pytest.approx(0.8 - 32 / 48) and ece.n == 48
    assert ece.low < ece.value < ece.high
    assert result.metrics["overconfidence"].value == pytest.approx(0.8 - 32 / 48)
    assert result.failures == {
        "probabilities: none given": 1,
        "probabilities: they do not sum up to 1": 1,
    }
    wanted = calibration(
        np.full(48, 0.8), [n % 3 > 0 for n in range(2, 50)],
        [q.subject_id for q in questions[2:]],
    )  # fmt: skip
    assert (ece.low, ece.high) == pytest.approx((wanted["ece"].low, wanted["ece"].high))


def test_models_without_probabilities_are_not_blamed(corpus, tmp_path):
    for task in ("expression", "reasoning"):
        asked = Benchmark(name=task, task=task, corpus=corpus)
        gold = Guess(kind="gold", task=task)
        result, _ = evaluate(asked, asked.questions(), "m", gold, tmp_path)
        assert "ece" not in result.metrics and not result.failures
    assert calibration_metrics("expression", [], {}) == ({}, {})
