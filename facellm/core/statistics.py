"""Numbers with intervals: a bootstrap that resamples people, not pictures.

Pictures of one person are alike, so an interval over pictures promises too much. Whole subjects
are drawn instead (cluster bootstrap, percentile interval).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facellm.core.sample import Record

Rows = NDArray[np.float64]
Statistic = Callable[[Rows], float]


class Interval(Record):
    """A number and its 95 % interval."""

    value: float | None
    """The statistic over all samples; None where it is undefined, such as for no samples."""
    low: float | None
    """2.5 % point; None with fewer than two subjects, which cannot tell how far people differ."""
    high: float | None
    """97.5 % point; None as for `low`."""
    n: int
    """Samples behind the number."""
    subjects: int = 0
    """People behind the number."""

    def __str__(self) -> str:
        """`0.731 [0.690, 0.771] (n=120)`, with a dash for what is undefined."""
        value, low, high = (
            "–" if x is None else f"{x:.3f}" for x in (self.value, self.low, self.high)
        )
        return f"{value} [{low}, {high}] (n={self.n})"


def cluster_bootstrap(
    values_per_subject: Mapping[str, ArrayLike],
    statistic: Statistic,
    n: int = 1000,
    seed: int = 0,
) -> Interval:
    """Estimate a statistic and its 95 % percentile interval, clustered by subject.

    Args:
        values_per_subject: subject → rows, one a sample: numbers (N,) or vectors (N, K).
        statistic: maps the rows of a draw to a number; NaN where the draw leaves it undefined.
        n: draws.
        seed: of the draws; equal seeds give equal intervals.
    """
    names = ("value",)
    return cluster_bootstraps(values_per_subject, names, lambda r: [statistic(r)], n, seed)["value"]


def cluster_bootstraps(
    values_per_subject: Mapping[str, ArrayLike],
    names: Sequence[str],
    statistics: Callable[[Rows], ArrayLike],
    n: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Estimate several statistics on the same draws; as `cluster_bootstrap`, for a vector.

    Args:
        values_per_subject: subject → rows.
        names: of the numbers that `statistics` returns, in its order.
        statistics: maps the rows of a draw to one number a name.
        n: draws.
        seed: of the draws.
    """
    groups = [np.asarray(v, dtype=np.float64) for v in values_per_subject.values()]
    groups = [g for g in groups if len(g)]
    if not groups:
        return {name: Interval(value=None, low=None, high=None, n=0) for name in names}
    rows = np.concatenate(groups)
    ends = np.cumsum([len(g) for g in groups])
    places = [np.arange(end - len(g), end) for g, end in zip(groups, ends, strict=True)]
    picks: NDArray[np.int64] = np.empty((0, len(groups)), dtype=np.int64)
    if len(groups) > 1:
        picks = np.random.default_rng(seed).integers(len(groups), size=(n, len(groups)))
    values = np.asarray(statistics(rows), dtype=np.float64)
    draws = np.asarray(
        [statistics(rows[np.concatenate([places[i] for i in pick])]) for pick in picks],
        dtype=np.float64,
    ).reshape(len(picks), len(names))
    return {
        name: _interval(float(values[i]), draws[:, i], len(rows), len(groups))
        for i, name in enumerate(names)
    }


def _interval(value: float, draws: Rows, n: int, subjects: int) -> Interval:
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not known.size:
        low = high = None
    else:
        low, high = (float(x) for x in np.quantile(known, (0.025, 0.975)))
    defined = None if np.isnan(value) else value
    return Interval(value=defined, low=low, high=high, n=n, subjects=subjects)


def by_subject(subjects: Sequence[str], rows: Sequence[ArrayLike]) -> dict[str, Rows]:
    """Group one row a sample by subject, subjects in order of first appearance."""
    groups: dict[str, list[ArrayLike]] = {}
    for subject, row in zip(subjects, rows, strict=True):
        groups.setdefault(subject, []).append(row)
    return {subject: np.asarray(group, dtype=np.float64) for subject, group in groups.items()}


def mean(rows: Rows) -> float:
    """The mean over all rows; NaN for none."""
    return float(rows.mean()) if rows.size else float("nan")
