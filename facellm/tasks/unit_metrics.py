"""Numbers about action units over many samples, for one named protocol.

All are formulas over sums, so that the intervals need sums of sums and no resampled tables; they
equal `f1_columns` and `icc31_columns` of `facellm.core.agreement`, which tests hold against them.
"""

from collections.abc import Sequence

import numpy as np

from facellm.core.facs import PROTOCOLS
from facellm.core.statistics import Interval, Rows, by_subject, cluster_formulas

Rated = tuple[dict[int, float], dict[int, float], str]
"""Predicted units, gold units (unlabelled ones missing), subject."""
ROUNDING = 1e-11
"""A variance below this share of the mean square is none."""


def unit_metrics(rated: Sequence[Rated], protocol: str) -> dict[str, Interval]:
    """Agreement on the units of a protocol; a unit that gold lacks is left out for that sample.

    Returns:
        `f1`: the mean over the units that occur of their F1, present from the protocol's threshold;
        `icc31`: the mean ICC(3,1) over the units for which it is defined;
        `icc31_pooled`: one ICC(3,1) over all ratings of all units;
        `mae`: mean absolute error in intensity steps (0-5);
        `f1/AU12` and so on: F1 of one unit.
    """
    units, present_at = PROTOCOLS[protocol]
    predicted = np.array([[p.get(n, 0.0) for n in units] for p, _, _ in rated])
    gold = np.array([[g.get(n, np.nan) for n in units] for _, g, _ in rated])
    predicted, gold = (x.reshape(len(rated), len(units)) for x in (predicted, gold))
    rows = _terms(predicted, gold, present_at)
    groups = by_subject(
        [subject for _, _, subject in rated], rows.reshape(len(rated), 9 * len(units))
    )
    names = ("f1", "icc31", "icc31_pooled", "mae", *(f"f1/AU{n}" for n in units))
    return cluster_formulas(groups, names, lambda sums: _numbers(sums, len(units)))


def _terms(predicted: Rows, gold: Rows, present_at: float) -> Rows:
    """What is summed up, (N, 9, K); unlabelled entries are zero throughout."""
    known = ~np.isnan(gold)
    p, g = np.where(known, predicted, 0.0), np.where(known, gold, 0.0)
    says, acts = (p >= present_at) & known, (g >= present_at) & known
    return np.stack([says & acts, says, acts, known, p, g, p * p + g * g, p * g, abs(p - g)], 1)


def _numbers(sums: Rows, units: int) -> Rows:
    """The numbers of `unit_metrics` for every draw (D, 4 + K)."""
    hits, says, acts, *rest = sums.reshape(len(sums), 9, units).swapaxes(0, 1)
    f1 = _ratio(2 * hits, says + acts)
    pooled = [part.sum(1, keepdims=True) for part in rest]
    count, *_, off = pooled
    return np.concatenate(
        [_means(f1), _means(_icc31(*rest[:5])), _icc31(*pooled[:5]), _ratio(off, count), f1], 1
    )


def _icc31(count: Rows, p: Rows, g: Rows, squares: Rows, product: Rows) -> Rows:
    """2·cov(p, g) / (var p + var g), NaN where neither varies."""
    count = np.maximum(count, 1)
    spread = squares - (p * p + g * g) / count
    spread = np.where(spread > ROUNDING * squares, spread, 0.0)
    return _ratio(2 * (product - p * g / count), spread)


def _means(values: Rows) -> Rows:
    """The mean of the defined entries of each row, (D, K) → (D, 1)."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(1), known.sum(1))[:, None]


def _ratio(above: Rows, below: Rows) -> Rows:
    result: Rows = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result
