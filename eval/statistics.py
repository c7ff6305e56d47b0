"""Intervals for whole tables of metrics at once: the cluster bootstrap on sums and weights.

Nearly every metric is a formula over sums (hits, squares, products). Resampling subjects then needs
no resampled tables: each draw is a row of counts, one a subject, and counts · sums gives the sums
of every draw in one product. Metrics of ranks take the counts as weights of the samples. The draws
are those of `facellm.core.statistics`, so the numbers agree with the tasks' own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facellm.core.errors import FaceLLMError
from facellm.core.statistics import Interval, interval_of, subject_picks

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
CHUNK_BYTES = 1 << 25


class Clusters:
    """Samples grouped by subject, with the draws of a bootstrap over the subjects.

    Arrays over draws start with the sample itself: row 0 is the value, the rest are draws.
    """

    def __init__(self, subjects: Sequence[str], draws: int = 1000, seed: int = 0):
        """Group the samples and draw the subjects.

        Args:
            subjects: whom each sample shows (N,).
            draws: bootstrap draws; none are made for fewer than two subjects.
            seed: of the draws.
        """
        places = {subject: i for i, subject in enumerate(dict.fromkeys(subjects))}
        self.of_sample = np.asarray([places[s] for s in subjects], dtype=np.int64)
        self.subjects = len(places)
        picks = subject_picks(self.subjects, draws, seed)
        counts = np.ones((len(picks) + 1, self.subjects))
        for row, pick in enumerate(picks, 1):
            counts[row] = np.bincount(pick, minlength=self.subjects)
        self.counts: Floats = counts

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.of_sample)

    def sums(self, rows: ArrayLike) -> Floats:
        """Sum rows (N, K) over every draw: (1 + draws, K)."""
        table = np.asarray(rows, dtype=np.float64)
        if len(table) != len(self):
            raise FaceLLMError(f"{len(table)} rows for {len(self)} samples; expected one a sample")
        table = table[:, None] if table.ndim == 1 else table
        each = np.zeros((self.subjects, table.shape[1]))
        np.add.at(each, self.of_sample, table)
        return np.asarray(self.counts @ each, dtype=np.float64)

    def weights(self) -> Iterator[Floats]:
        """How often every draw takes each sample, in chunks of draws: (chunk, N)."""
        step = max(1, CHUNK_BYTES // (8 * max(1, len(self))))
        for start in range(0, len(self.counts), step):
            yield self.counts[start : start + step][:, self.of_sample]

    def weighted(self, statistic: Callable[[Floats], Floats]) -> Floats:
        """Apply a statistic of weights (D, N) → (D,) or (D, M) to every draw."""
        return np.concatenate([statistic(weights) for weights in self.weights()])

    def interval(
        self, values: Floats, counted: Bools | None = None, share: bool = False
    ) -> Interval:
        """The interval of one number from its values over the draws.

        Args:
            values: (1 + draws,), NaN where undefined.
            counted: which samples stand behind the number (N,); None: all.
            share: whether the number is a mean of values in [0, 1].
        """
        samples = self.of_sample if counted is None else self.of_sample[counted]
        if not len(samples):
            return Interval(value=None, low=None, high=None, n=0)
        sizes = np.unique(samples, return_counts=True)[1]
        return interval_of(float(values[0]), values[1:], sizes.tolist(), share)

    def intervals(
        self, values: Mapping[str, Floats], counted: Bools | None = None
    ) -> dict[str, Interval]:
        """The intervals of several numbers with the same samples behind them."""
        return {name: self.interval(draws, counted) for name, draws in values.items()}

    def mean(self, rows: ArrayLike, counted: Bools | None = None, share: bool = False) -> Interval:
        """The mean of one number a sample (N,), over the counted samples; see `interval`."""
        known = np.ones(len(self), dtype=bool) if counted is None else counted
        filled = np.where(known, np.asarray(rows, dtype=np.float64), 0.0)
        sums = self.sums(np.column_stack([filled, known]))
        return self.interval(ratio(sums[:, 0], sums[:, 1]), known, share)


def ratio(above: ArrayLike, below: ArrayLike) -> Floats:
    """above / below, NaN where below is 0 (or negative by rounding)."""
    top, bottom = np.broadcast_arrays(np.asarray(above, dtype=float), np.asarray(below, float))
    result: Floats = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom > 1e-12)
    return result


def row_means(values: Floats) -> Floats:
    """The mean of each row (D, K) → (D,) over its defined entries; NaN where none is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(1), known.sum(1))


def same_length(**columns: Sequence[object] | NDArray[np.generic]) -> None:
    """Check that columns have one entry a sample.

    Raises:
        FaceLLMError: naming the columns that differ.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise FaceLLMError(f"{told}; expected one of each a sample")
