"""Answers that are numbers, as columns: means and other statistics over them with intervals."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from facellm.core.agreement import Floats
from facellm.core.statistics import Interval, cluster_bootstraps, cluster_formulas
from facellm.tasks.base import Scored, answered

A = TypeVar("A", bound=BaseModel)
Bools = NDArray[np.bool_]


class Columns(NamedTuple):
    """Numbers of the samples whose gold is an answer."""

    predicted: Floats
    """(N, K); NaN where there is no answer."""
    gold: Floats
    """(N, K)."""
    subjects: list[str]

    @property
    def answered(self) -> Bools:
        """Which samples have an answer (N,)."""
        return np.asarray(~np.isnan(self.predicted).any(axis=1), dtype=np.bool_)

    def mean(
        self, values: Floats | Bools, counted: Bools | None = None, share: bool = False
    ) -> Interval:
        """The mean of one number a sample (N,), over the counted samples; None: all.

        `share` as for `cluster_mean`.
        """
        rows = np.column_stack([np.asarray(values, dtype=np.float64), np.ones(len(values))])
        groups = self._grouped(rows, counted)
        shares = ("mean",) if share else ()
        means = cluster_formulas(
            groups, ("mean",), lambda sums: sums[:, 0] / sums[:, 1], shares=shares
        )
        return means["mean"]

    def over_draws(
        self, names: Sequence[str], statistics: Callable[[Floats, Floats], Sequence[float]]
    ) -> dict[str, Interval]:
        """Statistics that are no means, of predictions and gold (n, K) that have an answer."""
        width = self.gold.shape[1]
        groups = self._grouped(np.hstack([self.predicted, self.gold]), self.answered)
        return cluster_bootstraps(groups, names, lambda r: statistics(r[:, :width], r[:, width:]))

    def _grouped(self, rows: Floats, counted: Bools | None) -> dict[str, list[Floats]]:
        """Rows by subject; all subjects in order, so that draws take the same ones throughout."""
        groups: dict[str, list[Floats]] = {subject: [] for subject in self.subjects}
        for i in range(len(rows)) if counted is None else np.flatnonzero(counted):
            groups[self.subjects[i]].append(rows[i])
        return groups


def columns_of(
    scored: Sequence[Scored[A]], values: Callable[[A], Sequence[float]], width: int
) -> Columns:
    """Predictions and gold as numbers, `width` a sample; missing faces are left out."""
    pairs = answered(scored)
    nothing = [np.nan] * width
    said = [nothing if p is None else values(p) for p, _, _ in pairs]
    gold = [values(g) for _, g, _ in pairs]
    shape = (len(pairs), width)
    return Columns(
        np.asarray(said, dtype=np.float64).reshape(shape),
        np.asarray(gold, dtype=np.float64).reshape(shape),
        [subject for _, _, subject in pairs],
    )
