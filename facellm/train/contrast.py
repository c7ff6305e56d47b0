"""Numbers of several arms over the same faces, and what one has more than another, with intervals.

Every draw of people is shared by all numbers, so a difference is paired: what is hard for both arms
is not in its interval.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from facellm.core.agreement import defined_mean, f1_columns
from facellm.core.facs import PROTOCOLS
from facellm.core.statistics import Interval, Rows, by_subject, cluster_bootstraps
from facellm.train.crops import UNITS, UNKNOWN

PROTOCOL = "disfa12"


class Measure(NamedTuple):
    """One number of one arm."""

    rows: Rows
    """(N, K), one a face; a row that is NaN throughout has nothing to be measured on."""
    statistic: Callable[[Rows], float]


def unit_f1(said: Tensor, gold: Tensor) -> Measure:
    """Mean F1 of the 12 units of `PROTOCOL`; both (N, 23) intensities 0-5, gold NaN unlabelled."""
    units, present_at = PROTOCOLS[PROTOCOL]
    columns = [UNITS.index(number) for number in units]
    k = len(columns)

    def statistic(rows: Rows) -> float:
        return defined_mean(f1_columns(rows[:, :k], rows[:, k:], present_at))

    labelled = ~gold[:, columns].isnan().all(1, keepdim=True)
    both = torch.cat([said[:, columns].where(labelled, torch.nan), gold[:, columns]], 1)
    return Measure(both.double().numpy(), statistic)


def accuracy(said: Tensor, gold: Tensor) -> Measure:
    """Share of the right; both (N,) classes, gold `UNKNOWN` where unlabelled."""
    return mean_of((said == gold).double().where(gold != UNKNOWN, torch.nan))


def mean_of(values: Tensor) -> Measure:
    """The mean of what is not NaN of (N,)."""
    rows = values.double().numpy()[:, None]
    return Measure(rows, lambda drawn: defined_mean(drawn[:, 0]))


def contrast(
    subjects: Sequence[str],
    measures: Mapping[str, Measure],
    pairs: Sequence[tuple[str, str]] = (),
) -> tuple[dict[str, Interval], list[Interval]]:
    """Every measure, and of every pair of them the first minus the second.

    Args:
        subjects: (N,), whose face each row is.
        measures: name → number, all over the same N faces.
        pairs: names of measures.
    """
    names = list(measures)
    tables = [measures[name].rows for name in names]
    ends = np.cumsum([table.shape[1] for table in tables]).tolist()
    starts = [0, *ends[:-1]]

    def statistics(rows: Rows) -> Rows:
        values = [
            measures[name].statistic(rows[:, start:end])
            for name, start, end in zip(names, starts, ends, strict=True)
        ]
        by_name = dict(zip(names, values, strict=True))
        return np.array(values + [by_name[one] - by_name[other] for one, other in pairs])

    keys = [*names, *(f"{one} - {other}" for one, other in pairs)]
    groups = by_subject(subjects, np.concatenate(tables, 1))
    found = cluster_bootstraps(groups, keys, statistics)
    known = {name: ~np.isnan(measures[name].rows).all(1) for name in names}
    counted = {name: _counted(found[name], known[name], subjects) for name in names}
    apart = [
        _counted(found[key], known[one] & known[other], subjects)
        for key, (one, other) in zip(keys[len(names) :], pairs, strict=True)
    ]
    return counted, apart


def _counted(interval: Interval, known: Any, subjects: Sequence[str]) -> Interval:
    """With the faces and people it really rests on."""
    people = {subject for subject, is_known in zip(subjects, known, strict=True) if is_known}
    return interval.model_copy(update={"n": int(known.sum()), "subjects": len(people)})
