"""Intervals: equal to the tasks' own, and covering the truth as often as they claim."""

import numpy as np
import pytest
from scipy.stats import t as student

from eval.coverage import Setting, coverage
from eval.statistics import Clusters, ratio, row_means, same_length
from facellm.core.errors import FaceLLMError
from facellm.core.statistics import (
    by_subject,
    cluster_bootstrap,
    cluster_mean,
    effective_subjects,
    expanded_tail,
    interval_of,
    mean,
    share_ends,
    student_t,
    subject_picks,
)

SIMULATIONS = 1000


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 30, 200, 5000])
def test_the_points_of_students_t(freedom):
    assert student_t(freedom) == pytest.approx(student.ppf(0.975, freedom), rel=0.01)


def test_the_tail_by_hand():
    # Ten subjects: t 2.262 · √(10/9) = 2.385 → Φ(−2.385) = 0.0085. Many subjects: 0.025.
    assert expanded_tail(10) == pytest.approx(0.0085, abs=1e-4)
    assert expanded_tail(100_000) == pytest.approx(0.025, abs=1e-5)
    assert expanded_tail(2) == pytest.approx(0.0, abs=1e-12)
    assert expanded_tail(1.1) == expanded_tail(2)


def test_people_of_unequal_size_count_as_fewer():
    # (3 + 1)² / (9 + 1) = 1.6; equal sizes count fully.
    assert effective_subjects([3, 1]) == pytest.approx(1.6)
    assert effective_subjects([4, 4, 4]) == 3.0


def test_the_interval_of_a_share_by_hand():
    # Ten people, 0.9 with a deviation of 0.05: logit 2.197, t 2.262, 2.262·0.05·√(10/9)/0.09 =
    # 1.325 → logits 0.872 and 3.522 → 0.705 and 0.971.
    assert share_ends(0.9, 0.05, 10) == pytest.approx((0.705, 0.971), abs=1e-3)
    low, high = share_ends(0.1, 0.05, 10)
    assert (1 - high, 1 - low) == pytest.approx(share_ends(0.9, 0.05, 10))
    assert share_ends(0.4, 0.0, 10) == pytest.approx((0.4, 0.4))


def test_a_perfect_score_of_few_people_leaves_doubt():
    # Wilson with t² = 5.117 for z²: 5.117 / (10 + 5.117) = 0.338.
    assert share_ends(1.0, 0.0, 10) == pytest.approx((0.662, 1.0), abs=1e-3)
    assert share_ends(0.0, 0.0, 10) == pytest.approx((0.0, 0.338), abs=1e-3)
    perfect = Clusters(["a", "b", "c"] * 5).mean(np.ones(15), share=True)
    assert perfect.value == perfect.high == 1.0 and 0 < perfect.low < 0.5
    assert Clusters(["a", "b", "c"] * 5).mean(np.zeros(15)).high == 0.0  # a difference of nothing


def test_sums_and_weights_give_the_intervals_of_resampled_rows():
    rng = np.random.default_rng(0)
    values = rng.normal(size=60)
    subjects = [f"s{i}" for i in rng.integers(9, size=60)]
    theirs = cluster_bootstrap(by_subject(subjects, list(values)), mean)
    clusters = Clusters(subjects)
    ours = clusters.mean(values)
    hits = (values > 0).astype(float)
    share = cluster_mean(subjects, hits.tolist(), share=True)
    assert clusters.mean(hits, share=True) == share and 0 < share.low < share.high < 1
    by_weights = clusters.interval(clusters.weighted(lambda w: (w * values).sum(1) / w.sum(1)))
    for end in ("value", "low", "high", "n", "subjects"):
        assert getattr(ours, end) == pytest.approx(getattr(theirs, end))
        assert getattr(by_weights, end) == pytest.approx(getattr(theirs, end))


def test_n_and_subjects_are_those_behind_the_number():
    clusters = Clusters(["a", "a", "b", "c"])
    found = clusters.mean([1.0, 0.0, 1.0, 5.0], np.array([True, True, True, False]))
    assert (found.value, found.n, found.subjects) == (pytest.approx(2 / 3), 3, 2)
    lonely = clusters.mean([1.0, 0.0, 1.0, 5.0], np.array([True, True, False, False]))
    assert (lonely.value, lonely.low, lonely.high) == (0.5, None, None)
    assert clusters.mean([1.0] * 4, np.zeros(4, dtype=bool)).value is None


def test_one_subject_and_none():
    assert Clusters(["a", "a"]).mean([0.0, 1.0]).low is None
    assert Clusters([]).mean([]).n == 0
    with pytest.raises(FaceLLMError, match="2 rows for 1 samples"):
        Clusters(["a"]).sums(np.zeros((2, 1)))
    with pytest.raises(FaceLLMError, match="2 a, 1 b"):
        same_length(a=[1, 2], b=[1])


def test_ratios_over_nothing_are_undefined():
    assert np.isnan(ratio(0.0, 0.0))
    assert row_means(np.array([[1.0, np.nan], [np.nan, np.nan]]))[0] == 1.0
    assert np.isnan(row_means(np.array([[np.nan]]))[0])


def covered(subjects: int, truth: float, draw, statistic, draws: int = 999) -> float:
    """Share of simulations whose interval holds the truth.

    Args:
        subjects: in each simulation.
        truth: the number of the population.
        draw: maps a generator to sums a subject (S, K), the last of them the samples.
        statistic: maps sums over a draw (D, K) to a number (D,).
        draws: of each bootstrap.
    """
    rng = np.random.default_rng(17)
    picks = subject_picks(subjects, draws, 0)
    counts = np.stack([np.bincount(pick, minlength=subjects) for pick in picks]).astype(float)
    hits = 0
    for _ in range(SIMULATIONS):
        sums = draw(rng)
        value = float(statistic(sums.sum(0, keepdims=True))[0])
        found = interval_of(value, statistic(counts @ sums), sums[:, -1].astype(int).tolist())
        hits += found.low <= truth <= found.high
    return hits / SIMULATIONS


# Where the interval is decided: few people, near 1, uneven numbers of pictures, people who differ.
# Ten people seldom hold all values between their answers, so their intervals may err to the safe
# side; `python -m eval.coverage` has the whole table.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "most"),
    [
        (Setting(10, 0.5), 0.97),
        (Setting(10, 0.7, 0.1, "eight"), 0.97),
        (Setting(10, 0.9), 0.98),
        (Setting(10, 0.9, 0.3), 0.97),
        (Setting(10, 0.98), 0.99),
        (Setting(30, 0.9), 0.97),
        (Setting(30, 0.95), 0.97),
        (Setting(100, 0.1), 0.97),
        (Setting(100, 0.9, 0.1, "long tail"), 0.97),
        (Setting(200, 0.98), 0.97),
    ],
)
def test_intervals_of_an_accuracy_hold_the_truth(setting, most):
    share = coverage(setting, SIMULATIONS)
    assert 0.93 <= share <= most, share


@pytest.mark.slow
def test_percentiles_of_an_accuracy_near_one_would_miss_it():
    """Why shares have an interval of their own."""
    assert coverage(Setting(10, 0.9), SIMULATIONS, share=False) < 0.93
    assert coverage(Setting(10, 0.98), SIMULATIONS, share=False) < 0.80


@pytest.mark.slow
@pytest.mark.parametrize("subjects", [10, 27, 100])
def test_intervals_of_a_mean_error_cover_the_truth(subjects):
    def draw(rng):
        own = rng.normal(0, 1, size=subjects)
        errors = own[:, None] + rng.normal(0, 1, size=(subjects, 8)) + 3.0
        return np.column_stack([errors.sum(1), np.full(subjects, 8.0)])

    share = covered(subjects, 3.0, draw, lambda sums: sums[:, 0] / sums[:, 1])
    assert 0.93 <= share <= 0.97, share


@pytest.mark.slow
@pytest.mark.parametrize("subjects", [27, 100])
def test_intervals_of_an_f1_cover_the_truth(subjects):
    # Present 0.3, hit 0.8, false alarm 0.1: F1 = 2·.24 / (.31 + .30); people differ in presence.
    truth = 2 * 0.24 / (0.24 + 0.07 + 0.30)

    def draw(rng):
        present = rng.binomial(30, rng.beta(3, 7, size=subjects))
        hits = rng.binomial(present, 0.8)
        alarms = rng.binomial(30 - present, 0.1)
        samples = np.full(subjects, 30)
        return np.column_stack([hits, hits + alarms, present, samples]).astype(float)

    share = covered(subjects, truth, draw, lambda s: 2 * s[:, 0] / (s[:, 1] + s[:, 2]))
    assert 0.93 <= share <= 0.97, share


@pytest.mark.slow
def test_plain_percentiles_would_be_too_narrow_for_ten_people():
    """Why the tail is expanded: without, ten subjects cover clearly less than 93 %."""
    hits, pictures = Setting(10, 0.7).simulate(SIMULATIONS)
    picks = subject_picks(10, 999, 0)
    counts = np.stack([np.bincount(pick, minlength=10) for pick in picks])
    ends = np.quantile((hits @ counts.T) / (pictures @ counts.T), (0.025, 0.975), axis=1)
    assert np.mean((ends[0] <= 0.7) & (ends[1] >= 0.7)) < 0.93
