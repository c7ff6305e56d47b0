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


def _sign_flips(clusters: Clusters, off: Floats, permutations: int, seed: int) -> float:
    if clusters.subjects < 2:
        return math.nan
    sums = np.bincount(clusters.of_sample, weights=off, minlength=clusters.subjects)
    if clusters.subjects <= 13:
        places = np.arange(2**clusters.subjects)[:, None] >> np.arange(clusters.subjects)
        signs = 1.0 - 2.0 * (places & 1)
        extra = 0
    else:
        rng = np.random.default_rng(seed)
        signs = rng.choice((-1.0, 1.0), size=(permutations, clusters.subjects))
        extra = 1
    reached = np.abs(signs @ sums) >= abs(sums.sum()) - 1e-12
    return float((reached.sum() + extra) / (len(signs) + extra))


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
