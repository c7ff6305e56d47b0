"""Calibration, paired tests and fairness: known answers, scipy, statsmodels, fairlearn."""

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score

from eval.metrics.calibration import calibration, reliability
from eval.metrics.classification import class_draws
from eval.metrics.fairness import by_attribute, group_means
from eval.metrics.paired import difference, mcnemar, paired_means
from facellm.core.errors import FaceLLMError


def test_calibration_by_hand():
    # Two bins. (0, .5]: .2 .4, right 0 1 → accuracy .5, confidence .3, gap .2, share 1/2.
    # (.5, 1]: .8 1., right 1 1 → accuracy 1, confidence .9, gap .1. ECE .15.
    confidence, right = np.array([0.2, 0.4, 0.8, 1.0]), [False, True, True, True]
    found = calibration(confidence, right, list("abcd"), bins=2)
    assert found["ece"].value == pytest.approx(0.15)
    assert found["ece_mass"].value == pytest.approx(0.15)
    assert found["brier"].value == pytest.approx((0.04 + 0.36 + 0.04 + 0) / 4)
    assert found["brier"].value == pytest.approx(brier_score_loss(right, confidence))
    assert found["overconfidence"].value == pytest.approx(0.6 - 0.75)
    table = reliability(confidence, right, list("abcd"), bins=2)
    assert [(b.low, b.high, b.accuracy.value, b.accuracy.n) for b in table] == [
        (0.0, 0.5, 0.5, 2),
        (0.5, 1.0, 1.0, 2),
    ]
    assert table[0].confidence == pytest.approx(0.3)


def test_bins_of_equal_mass_and_empty_bins():
    # All confidences in (.8, 1]: one wide bin holds all; equal mass splits at the median.
    confidence = np.array([0.82, 0.84, 0.96, 0.98])
    right = [False, False, True, True]
    found = calibration(confidence, right, list("abcd"), bins=2)
    assert found["ece"].value == pytest.approx(0.9 - 0.5)
    assert found["ece_mass"].value == pytest.approx((0.83 + 0.03) / 2)
    empty = reliability(confidence, right, list("abcd"), bins=5)[0]
    assert empty.confidence is None and empty.accuracy.n == 0
    ties = reliability(np.full(4, 0.5), right, list("abcd"), bins=4, binning="mass")
    assert sum(b.accuracy.n for b in ties) == 4


def test_a_perfectly_calibrated_model_has_little_error():
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    right = rng.random(20_000) < confidence
    found = calibration(confidence, right, [f"s{i % 50}" for i in range(20_000)])
    assert found["ece"].value < 0.02
    assert found["overconfidence"].low < 0 < found["overconfidence"].high


def test_calibration_refuses_what_is_no_probability():
    with pytest.raises(FaceLLMError, match="expected probabilities"):
        calibration(np.array([1.2]), [True], ["a"])
    with pytest.raises(FaceLLMError, match="expected probabilities"):
        calibration(np.array([np.nan]), [True], ["a"])
    assert calibration(np.array([]), [], [])["ece"].value is None
    assert reliability(np.array([]), [], []) == []


def test_mcnemar_by_hand():
    # Only the first is right 6 times, only the second once: 2·(C(7,0) + C(7,1)) / 2⁷ = 1/8.
    first = [True] * 6 + [False] + [True] * 5
    second = [False] * 6 + [True] + [True] * 5
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (6, 1)
    assert found.p == pytest.approx(2 * (1 + 7) / 128)
    assert found.p == pytest.approx(binomtest(6, 7).pvalue)
    assert mcnemar([True], [True]).p == 1.0


def test_the_permutation_test_by_hand():
    # Three subjects with differences 1, 1, 1: of 8 flips 2 reach |sum| = 3 → 1/4.
    found = paired_means([1, 1, 1], [0, 0, 0], list("abc"))
    assert found.difference.value == 1.0
    assert found.p == pytest.approx(0.25)
    # The same differences within one subject say nothing.
    assert np.isnan(paired_means([1, 1, 1], [0, 0, 0], list("aaa")).p)
    # Two samples of a and one of b: sums 2 and 1; flips ±3 reach 3 → 2 of 4.
    assert paired_means([1, 1, 1], [0, 0, 0], list("aab")).p == pytest.approx(0.5)


def test_many_subjects_are_flipped_at_random_and_a_real_difference_is_found():
    rng = np.random.default_rng(1)
    subjects = [f"s{i // 5}" for i in range(200)]
    first = rng.normal(0.3, 1, 200)
    assert paired_means(first, np.zeros(200), subjects).p < 0.01
    assert paired_means(first - first.mean(), np.zeros(200), subjects).p > 0.9
    gap = paired_means([1.0, np.nan, 0.0], [0.0, 1.0, np.nan], list("abc"))
    assert gap.difference.n == 1 and gap.difference.value == 1.0


def test_the_difference_of_any_statistic_uses_the_same_draws():
    rng = np.random.default_rng(2)
    gold = rng.integers(3, size=90)
    told = [np.where(rng.random(90) < share, gold, 0) for share in (0.8, 0.5)]
    subjects = [f"s{i % 9}" for i in range(90)]

    def draws(clusters, model):
        found = class_draws(clusters, told[model], gold, 3)
        return {name: found[name] for name in ("macro_f1", "accuracy")}

    found = difference(draws, subjects)
    scores = [f1_score(gold, t, average="macro") for t in told]
    assert found["macro_f1"].value == pytest.approx(scores[0] - scores[1])
    assert found["macro_f1"].low < found["macro_f1"].value < found["macro_f1"].high
    same = difference(lambda clusters, _: draws(clusters, 0), subjects)
    assert (same["accuracy"].low, same["accuracy"].high) == (0.0, 0.0)


def test_fairness_agrees_with_fairlearn():
    rng = np.random.default_rng(3)
    gold, told = rng.integers(2, size=200), rng.integers(2, size=200)
    groups = [("x", "y", "z")[i % 40 // 15] for i in range(200)]
    subjects = [f"s{i % 40}" for i in range(200)]
    frame = MetricFrame(metrics=accuracy_score, y_true=gold, y_pred=told, sensitive_features=groups)
    found = group_means((gold == told).astype(float), groups, subjects)
    for name, interval in found.groups.items():
        assert interval.value == pytest.approx(frame.by_group[name])
    assert found.gap.value == pytest.approx(frame.difference(method="between_groups"))
    assert found.ratio.value == pytest.approx(frame.ratio(method="between_groups"))
    assert found.best == frame.by_group.idxmax() and found.worst == frame.by_group.idxmin()
    assert 0 < found.gap_by_chance < 0.5


def test_gaps_that_chance_explains_and_gaps_that_it_does_not():
    rng = np.random.default_rng(4)
    subjects = [f"s{i % 60}" for i in range(600)]
    groups = ["a" if i % 60 < 30 else "b" for i in range(600)]
    same = group_means((rng.random(600) < 0.7).astype(float), groups, subjects)
    assert same.gap.value < 2 * same.gap_by_chance
    apart = [0.9 if g == "a" else 0.6 for g in groups]
    unfair = group_means((rng.random(600) < apart).astype(float), groups, subjects)
    assert unfair.gap.value > unfair.gap_by_chance
    assert unfair.gap.low > 0.15
    assert (unfair.best, unfair.worst) == ("a", "b")


def test_unlabelled_samples_are_left_out_and_one_group_has_no_gap():
    found = group_means([1.0, 0.0, np.nan, 1.0], ["a", None, "a", "a"], list("wxyz"))
    assert found.groups["a"].n == 2
    assert found.gap.value == 0.0 and found.best is None and found.gap_by_chance is None
    with pytest.raises(FaceLLMError, match="nothing to compare"):
        group_means([1.0], [None], ["a"])
    both = by_attribute([1.0, 0.0], [{"gender": "f"}, {"gender": "m", "age": "30s"}], ["a", "b"])
    assert list(both) == ["age", "gender"]
    assert both["gender"].gap.value == 1.0


def test_a_ratio_over_nothing_is_undefined():
    assert group_means([0.0, 0.0], ["a", "b"], ["x", "y"]).ratio.value is None
