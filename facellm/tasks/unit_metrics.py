"""Numbers about action units over many samples, for one named protocol."""

from collections.abc import Sequence

import numpy as np

from facellm.core.agreement import defined_mean, f1_columns, icc31_columns, mean_absolute_error
from facellm.core.facs import PROTOCOLS
from facellm.core.statistics import Interval, Rows, by_subject, cluster_bootstraps

Rated = tuple[dict[int, float], dict[int, float], str]
"""Predicted units, gold units (unlabelled ones missing), subject."""


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
    k = len(units)

    def statistics(rows: Rows) -> Rows:
        predicted, gold = rows[:, :k], rows[:, k:]
        each = f1_columns(predicted, gold, present_at)
        overall = (
            defined_mean(each),
            defined_mean(icc31_columns(predicted, gold)),
            float(icc31_columns(predicted.reshape(-1, 1), gold.reshape(-1, 1))[0]),
            mean_absolute_error(predicted, gold),
        )
        return np.concatenate([overall, each])

    rows = [
        [p.get(n, 0.0) for n in units] + [g.get(n, float("nan")) for n in units]
        for p, g, _ in rated
    ]
    groups = by_subject([subject for _, _, subject in rated], rows)
    names = ("f1", "icc31", "icc31_pooled", "mae", *(f"f1/AU{n}" for n in units))
    return cluster_bootstraps(groups, names, statistics)
