"""Numbers with intervals: a bootstrap that resamples people, not pictures.

Pictures of one person are alike, so an interval over pictures promises too much. Whole subjects
are drawn instead (cluster bootstrap). The interval is the expanded percentile interval of
Hesterberg (2015): plain percentiles are too narrow for few subjects, so the quantiles move
outwards as far as Student's t stands out over the normal distribution; subjects of unequal size
count as fewer.

Shares (accuracies, and means of scores in [0, 1]) are skewed near 0 and 1, where percentiles miss
the truth too often, and the draws of a perfect score know no doubt. Their interval is Student's on
the logit scale, with the standard error of the draws; a share of 0 or 1 gets Wilson's, with people
for samples. `python -m eval.coverage` measures how often both hold the truth.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import NormalDist

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
    """Lower end; None with fewer than two subjects, which cannot tell how far people differ."""
    high: float | None
    """Upper end; None as for `low`."""
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
    """Estimate a statistic and its 95 % interval, clustered by subject.

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
    picks = subject_picks(len(groups), n, seed)
    values = np.asarray(statistics(rows), dtype=np.float64)
    draws = np.asarray(
        [statistics(rows[np.concatenate([places[i] for i in pick])]) for pick in picks],
        dtype=np.float64,
    ).reshape(len(picks), len(names))
    sizes = [len(g) for g in groups]
    return {name: interval_of(float(values[i]), draws[:, i], sizes) for i, name in enumerate(names)}


def cluster_formulas(
    values_per_subject: Mapping[str, ArrayLike],
    names: Sequence[str],
    formulas: Callable[[Rows], ArrayLike],
    n: int = 1000,
    seed: int = 0,
    shares: Collection[str] = (),
) -> dict[str, Interval]:
    """As `cluster_bootstraps` and on its draws, for numbers that are formulas over sums of columns.

    A draw's sums are sums over its subjects' sums, so no draw is ever written out: with thousands
    of samples this is a hundred times as fast.

    Args:
        values_per_subject: subject → rows (N, K), one a sample, without NaN.
        names: of the numbers.
        formulas: maps sums (D, K) to one number a name (D, names), NaN where undefined.
        n: draws.
        seed: of the draws.
        shares: which of the numbers are means of values in [0, 1].
    """
    groups = [np.asarray(v, dtype=np.float64) for v in values_per_subject.values()]
    groups = [g.reshape(len(g), -1) for g in groups if len(g)]
    if not groups:
        return {name: Interval(value=None, low=None, high=None, n=0) for name in names}
    picks = subject_picks(len(groups), n, seed)
    counts = np.ones((len(picks) + 1, len(groups)))  # how often each draw takes each subject
    for row, pick in enumerate(picks, 1):
        counts[row] = np.bincount(pick, minlength=len(groups))
    sums = counts @ np.stack([g.sum(0) for g in groups])
    values = np.asarray(formulas(sums), dtype=np.float64).reshape(len(sums), len(names))
    sizes = [len(g) for g in groups]
    return {
        name: interval_of(float(values[0, i]), values[1:, i], sizes, name in shares)
        for i, name in enumerate(names)
    }


def cluster_mean(subjects: Sequence[str], values: Sequence[float], share: bool = False) -> Interval:
    """The mean of one number a sample, with its interval clustered by subject.

    Args:
        subjects: (N,).
        values: (N,).
        share: whether they lie in [0, 1] by what they are (hits, scores), not by chance.
    """
    rows = by_subject(subjects, [(value, 1.0) for value in values])
    shares = ("mean",) if share else ()
    found = cluster_formulas(rows, ("mean",), lambda sums: sums[:, 0] / sums[:, 1], shares=shares)
    return found["mean"]


def subject_picks(subjects: int, n: int, seed: int) -> NDArray[np.int64]:
    """Which subjects each draw takes, (n, subjects); no draws of fewer than two subjects."""
    if subjects < 2:
        return np.empty((0, subjects), dtype=np.int64)
    return np.random.default_rng(seed).integers(subjects, size=(n, subjects))


def interval_of(value: float, draws: Rows, sizes: Sequence[int], share: bool = False) -> Interval:
    """The interval of a number from its bootstrap draws.

    Args:
        value: over all samples; NaN is undefined.
        draws: the number in each draw (D,); draws that leave it undefined are NaN and not counted.
        sizes: how many samples behind the number each person gave, none of them 0.
        share: whether the number is a mean of values in [0, 1].
    """
    n, subjects = sum(sizes), len(sizes)
    known = draws[~np.isnan(draws)]
    if np.isnan(value):
        return Interval(value=None, low=None, high=None, n=n, subjects=subjects)
    if not known.size or subjects < 2:
        return Interval(value=value, low=None, high=None, n=n, subjects=subjects)
    if share:
        low, high = share_ends(value, float(known.std()), effective_subjects(sizes))
    else:
        tail = expanded_tail(effective_subjects(sizes))
        low, high = (float(x) for x in np.quantile(known, (tail, 1.0 - tail)))
    return Interval(value=value, low=low, high=high, n=n, subjects=subjects)


def share_ends(share: float, deviation: float, subjects: float) -> tuple[float, float]:
    """Both ends of the 95 % interval of a share, within [0, 1].

    Logit(share) ± t·s, with t Student's for S − 1 degrees of freedom and s the deviation of the
    draws, freed of its bias by √(S / (S − 1)) and divided by share·(1 − share), which takes it to
    the logit scale (Agresti, Categorical Data Analysis, 3.1). All or nothing has no deviation to
    learn from: it is taken for the common answer of S people and gets the interval of Wilson
    (1927) with t for z, which reaches t² / (S + t²) inwards.

    Args:
        share: over all samples, in [0, 1].
        deviation: standard deviation of the bootstrap draws.
        subjects: effective number of people S, counted as 2 at least.
    """
    s = max(2.0, subjects)
    t = student_t(s - 1.0)
    if min(share, 1.0 - share) < 1e-9:
        reach = t * t / (s + t * t)
        return (0.0, reach) if share < 0.5 else (1.0 - reach, 1.0)
    half = t * deviation * math.sqrt(s / (s - 1.0)) / (share * (1.0 - share))
    odds = math.log(share / (1.0 - share))
    return _logistic(odds - half), _logistic(odds + half)


def _logistic(x: float) -> float:
    return 0.5 + 0.5 * math.tanh(x / 2)


def effective_subjects(sizes: Sequence[int]) -> float:
    """How many people with equally many samples tell as much: (Σ n)² / Σ n², after Kish."""
    return float(sum(sizes) ** 2 / sum(size * size for size in sizes))


def expanded_tail(subjects: float) -> float:
    """The share of draws beyond either end of a 95 % interval: 0.025, less for few subjects.

    It is Φ(−t·√(S / (S − 1))) with t the 97.5 % point of Student's t for S − 1 degrees of freedom;
    S may be an effective number and counts as 2 at least.
    """
    s = max(2.0, subjects)
    return NormalDist().cdf(-student_t(s - 1.0) * math.sqrt(s / (s - 1.0)))


def student_t(freedom: float) -> float:
    """The 97.5 % point of Student's t, to 1 %; under 3 degrees that of the whole number below.

    From 3 on it is the Cornish-Fisher expansion (Abramowitz & Stegun, 26.7.5).
    """
    if freedom < 2.0:
        return math.tan(math.pi * 0.475)
    if freedom < 3.0:
        return math.sqrt(2.0 * 0.95**2 / (1.0 - 0.95**2))
    z = NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))


def by_subject(subjects: Sequence[str], rows: Sequence[ArrayLike] | Rows) -> dict[str, Rows]:
    """Group one row a sample by subject, subjects in order of first appearance."""
    groups: dict[str, list[ArrayLike]] = {}
    for subject, row in zip(subjects, rows, strict=True):
        groups.setdefault(subject, []).append(row)
    return {subject: np.asarray(group, dtype=np.float64) for subject, group in groups.items()}


def mean(rows: Rows) -> float:
    """The mean over all rows; NaN for none."""
    return float(rows.mean()) if rows.size else float("nan")
