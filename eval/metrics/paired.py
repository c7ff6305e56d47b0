"""Is one model better than another on the same samples? Differences drawn and tested in pairs."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from eval.statistics import Clusters, Floats, same_length
from facellm.core.statistics import Interval


class Comparison(NamedTuple):
    """The difference of two models, first minus second."""

    difference: Interval
    p: float
    """Two-sided, of the sign-flip permutation test over subjects; NaN for fewer than two."""


class McNemar(NamedTuple):
    """The exact test on the samples that only one of two models gets right."""

    only_first: int
    only_second: int
    p: float
    """Two-sided; 1.0 where they never differ. Takes samples as independent."""


def paired_means(
    first: Sequence[float] | Floats,
    second: Sequence[float] | Floats,
    subjects: Sequence[str],
    permutations: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare the means of one score a sample, for the same samples in the same order.

    The interval is the cluster bootstrap of the difference. The test flips the sign of whole
    subjects, all flips for up to 13 subjects, else `permutations` random ones; p counts the
    observed one too, so it is never 0. Samples where either score is NaN are left out of both.
    """
    same_length(first=first, second=second, subjects=subjects)
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    known = ~(np.isnan(a) | np.isnan(b))
    kept = [subject for subject, k in zip(subjects, known, strict=True) if k]
    off = (a - b)[known]
    clusters = Clusters(kept, seed=seed)
    return Comparison(clusters.mean(off), _sign_flips(clusters, off, permutations, seed))


def paired_formulas(
    first: Floats,
    second: Floats,
    formula: Callable[[Floats], Floats],
    subjects: Sequence[str],
    permutations: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare a number that is a formula over sums, such as a macro-F1, first minus second.

    The interval is the cluster bootstrap of the difference, both on the same people. The test swaps
    the two models' answers for whole subjects: were they equally good, it would not matter whose
    is whose. All swaps for up to 13 subjects, else `permutations` random ones and the observed.

    Args:
        first, second: what is summed up, one row a sample (N, K), in the same order.
        formula: maps sums (D, K) to the number (D,), NaN where undefined.
        subjects: (N,).
        permutations: of the test.
        seed: of the draws and of the swaps.
    """
    same_length(first=first, second=second, subjects=subjects)
    clusters = Clusters(subjects, seed=seed)
    draws = formula(clusters.sums(first)) - formula(clusters.sums(second))
    found = clusters.interval(draws)
    if clusters.subjects < 2 or math.isnan(draws[0]):
        return Comparison(found, math.nan)
    off = np.zeros((clusters.subjects, first.shape[1]))
    np.add.at(off, clusters.of_sample, first - second)
    signs, extra = _signs(clusters.subjects, permutations, seed)
    middle = (first.sum(0) + second.sum(0)) / 2
    moved = signs @ off / 2
    return Comparison(
        found,
        _share_beyond(formula(middle + moved) - formula(middle - moved), float(draws[0]), extra),
    )


def _sign_flips(clusters: Clusters, off: Floats, permutations: int, seed: int) -> float:
    if clusters.subjects < 2:
        return math.nan
    sums = np.bincount(clusters.of_sample, weights=off, minlength=clusters.subjects)
    signs, extra = _signs(clusters.subjects, permutations, seed)
    return _share_beyond(signs @ sums, float(sums.sum()), extra)


def _signs(subjects: int, permutations: int, seed: int) -> tuple[Floats, int]:
    """Signs of the subjects (permutations, S), and how often the observed ones count besides."""
    if subjects <= 13:
        places = np.arange(2**subjects)[:, None] >> np.arange(subjects)
        return 1.0 - 2.0 * (places & 1), 0
    rng = np.random.default_rng(seed)
    return rng.choice((-1.0, 1.0), size=(permutations, subjects)), 1


def _share_beyond(values: Floats, observed: float, extra: int) -> float:
    reached = np.abs(values) >= abs(observed) - 1e-12
    return float((reached.sum() + extra) / (len(values) + extra))


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """McNemar's exact test on whether two models are right equally often (N each).

    It ignores that samples of one person are alike; `paired_means` does not.
    """
    same_length(first=first, second=second)
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    both = only_a + only_b
    return McNemar(only_a, only_b, float(binomtest(only_a, both).pvalue) if both else 1.0)


def difference(
    draws: Callable[[Clusters, int], Mapping[str, Floats]], subjects: Sequence[str]
) -> dict[str, Interval]:
    """Intervals of the differences, first model minus second, of any numbers on the same draws.

    Args:
        draws: maps the clusters and a model (0 or 1) to name → values over draws (1 + D,), such as
            `class_draws` or `detection_draws` give them.
        subjects: (N,).
    """
    clusters = Clusters(subjects)
    first, second = draws(clusters, 0), draws(clusters, 1)
    return clusters.intervals({name: first[name] - second[name] for name in first})
