"""Known answers for the cluster bootstrap and the measures of agreement."""

import numpy as np
import pytest

from facellm.core.agreement import (
    f1_columns,
    icc31_columns,
    macro_f1,
    mean_absolute_error,
    set_f1,
)
from facellm.core.statistics import (
    Interval,
    by_subject,
    cluster_bootstrap,
    cluster_bootstraps,
    mean,
)


def test_two_subjects_resample_as_whole_people() -> None:
    # Draws of two subjects from {0, 0, 0} and {1}: aa → 0, bb → 1, ab → 1/4. So 2.5 % is 0,
    # 97.5 % is 1, and the value over all samples is 1/4.
    interval = cluster_bootstrap({"a": [0.0, 0.0, 0.0], "b": [1.0]}, mean)
    assert interval == Interval(value=0.25, low=0.0, high=1.0, n=4, subjects=2)


def test_equal_subjects_leave_no_doubt() -> None:
    interval = cluster_bootstrap({"a": [0.0, 1.0], "b": [0.0, 1.0], "c": [1.0, 0.0]}, mean)
    assert (interval.value, interval.low, interval.high) == (0.5, 0.5, 0.5)


def test_the_interval_of_a_mean_agrees_with_its_standard_error() -> None:
    # 400 subjects with one value each: mean ± 1.96·s/√400.
    values = np.random.default_rng(1).normal(size=400)
    interval = cluster_bootstrap({str(i): [v] for i, v in enumerate(values)}, mean)
    half = 1.96 * values.std() / 20
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)


def test_clusters_widen_the_interval() -> None:
    # Ten copies of each value are no ten times as much evidence.
    values = np.random.default_rng(2).normal(size=20)
    apart = cluster_bootstrap({f"{i}/{j}": [v] for i, v in enumerate(values) for j in "ab"}, mean)
    together = cluster_bootstrap({str(i): [v, v] for i, v in enumerate(values)}, mean)
    assert together.high - together.low > 1.2 * (apart.high - apart.low)


def test_seeds_make_intervals_repeatable() -> None:
    groups = {str(i): [float(i % 3)] for i in range(9)}
    assert cluster_bootstrap(groups, mean, seed=3) == cluster_bootstrap(groups, mean, seed=3)


def test_undefined_numbers_are_none_and_not_zero() -> None:
    nothing = Interval(value=None, low=None, high=None, n=0)
    assert cluster_bootstrap({}, mean) == nothing
    assert cluster_bootstrap({"a": []}, mean) == nothing
    one = cluster_bootstrap({"a": [1.0, 0.0]}, mean)
    assert (one.value, one.low, one.high, one.n) == (0.5, None, None, 2)
    never = cluster_bootstrap({"a": [1.0], "b": [1.0]}, lambda rows: float("nan"))
    assert (never.value, never.low, never.high) == (None, None, None)
    assert str(nothing) == "– [–, –] (n=0)"


def test_rows_are_grouped_by_subject_in_order() -> None:
    groups = by_subject(["b", "a", "b"], [[1, 2], [3, 4], [5, 6]])
    assert list(groups) == ["b", "a"]
    assert groups["b"].tolist() == [[1, 2], [5, 6]]


def test_several_statistics_share_their_draws() -> None:
    groups = {str(i): [float(i)] for i in range(8)}
    both = cluster_bootstraps(groups, ("mean", "max"), lambda rows: [rows.mean(), rows.max()])
    assert both["mean"] == cluster_bootstrap(groups, mean)
    assert both["max"].value == 7.0
    assert cluster_bootstraps({}, ("a", "b"), lambda rows: [0.0, 0.0])["b"].value is None


def test_f1_by_hand() -> None:
    # Present from 2. Column 0: TP 1, FP 1, FN 2 → 2·1 / (2 + 3) = 0.4. Column 1: TP 1, the rest
    # is unlabelled → 1. Column 2 never occurs.
    nan = float("nan")
    predicted = np.array([[2.0, 5, 0], [3, 5, 1], [1, 5, 0], [0, 0, 0], [0, 0, 0]])
    gold = np.array([[4.0, 2, 0], [1, nan, 1], [2, nan, 0], [5, nan, 0], [0, nan, 0]])
    scores = f1_columns(predicted, gold, 2.0)
    assert scores[:2] == pytest.approx([0.4, 1.0])
    assert np.isnan(scores[2])


def test_set_f1_by_hand() -> None:
    assert set_f1({1, 2}, {2, 3, 4}) == pytest.approx(2 / 5)
    assert set_f1({1, 2}, {2, 3, 4}, errors=1) == pytest.approx(2 / 6)
    assert set_f1(set(), set()) == 1.0
    assert set_f1(set(), {1}) == 0.0


def test_macro_f1_counts_the_classes_of_gold() -> None:
    # Class 0: TP 1, FP 0, FN 1 → 2/3. Class 1: TP 1, FP 1, FN 0 → 2/3. Class 2 is not in gold.
    gold = np.array([0.0, 0.0, 1.0])
    assert macro_f1(np.array([0.0, 1.0, 1.0]), gold) == pytest.approx(2 / 3)
    # The wrong answer is class 2 now: class 0 stays 2/3, class 1 is perfect → 5/6.
    assert macro_f1(np.array([0.0, 2.0, 1.0]), gold) == pytest.approx(5 / 6)


def _icc31(predicted: list[float], gold: list[float]) -> float:
    return float(icc31_columns(np.array([predicted]).T, np.array([gold]).T)[0])


def test_icc31_by_hand() -> None:
    # Row means 1.5 2 4, column means 2 3, grand mean 2.5. SS total 9.5, rows 2·(1+.25+2.25) = 7,
    # columns 3·(.25+.25) = 1.5, residual 1. MS rows 7/2, MS residual 1/2: (3.5−.5)/(3.5+.5).
    assert _icc31([1.0, 2, 3], [2.0, 2, 5]) == pytest.approx(0.75)
    # The unlabelled fourth rating changes nothing.
    assert _icc31([1.0, 2, 3, 5], [2.0, 2, 5, float("nan")]) == pytest.approx(0.75)


def test_icc31_ignores_a_constant_offset_and_needs_variance() -> None:
    assert _icc31([1.0, 2, 3, 6], [0.0, 1, 2, 5]) == pytest.approx(1.0)
    # Opposite ratings: rows have no variance, MS rows = 0 → (0 − e) / (0 + e) = −1.
    assert _icc31([0.0, -1, -2, -5], [0.0, 1, 2, 5]) == pytest.approx(-1.0)
    assert np.isnan(_icc31([0.0, 0], [0.0, 0]))
    assert np.isnan(_icc31([1.0], [1.0]))
    assert np.isnan(_icc31([1.0], [float("nan")]))


def test_mean_absolute_error_leaves_unlabelled_entries_out() -> None:
    gold = np.array([[1.0, float("nan")], [3.0, 0.0]])
    # |2−1|, |3−3|, |1−0| over three labelled entries = 2/3.
    assert mean_absolute_error(np.array([[2.0, 5], [3, 1]]), gold) == pytest.approx(2 / 3)
    assert np.isnan(mean_absolute_error(gold * 0, gold * float("nan")))
