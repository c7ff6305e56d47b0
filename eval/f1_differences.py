"""Is one model's macro-F1, or its mean F1 of action units, better than another's?

An F1 is no mean over questions, so it has no differences to average: both models' counts are
summed up person by person, and `eval.metrics.paired.paired_formulas` draws and swaps whole people.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from eval.differences import Difference, counted_pairs, permutations_for
from eval.metrics.paired import paired_formulas
from eval.statistics import Floats, ratio, row_means
from facellm.core.facs import PROTOCOLS

CLASS_KEYS = {"expression": "emotion", "emotion40": "category", "compound_expression": "category"}
"""Task whose `macro_f1` can be compared → where its answers keep the class."""
UNITS_TASK, PROTOCOL = "action_units", "disfa12"


class _Counts(NamedTuple):
    hits: Floats
    """(N, K), as the others: what is said and there, said, and there."""
    said: Floats
    there: Floats


def f1_difference(
    benchmark: str, task: str, one: dict[str, dict[str, Any]], two: dict[str, dict[str, Any]]
) -> Difference | None:
    """B minus A in the macro-F1 of classes or the mean F1 of action units; None for other tasks.

    They are `macro_f1` and `f1` of the tasks' own metrics, on the questions that both answered: an
    answer that could not be read names no class and no unit. The part is called `unit_f1`, since
    `f1` is the part of a single answer's score.

    Args:
        benchmark: its name.
        task: its task.
        one, two: rows of A and of B by question, as for `eval.differences.paired_difference`.
    """
    if task != UNITS_TASK and task not in CLASS_KEYS:
        return None
    both = counted_pairs(benchmark, one, two)
    if not both:
        return None
    golds = [json.loads(one[key]["target"]) for key in both]
    tables = []
    for rows in (two, one):
        said = [json.loads(rows[key]["answer"] or "{}") for key in both]
        counts = _units(said, golds) if task == UNITS_TASK else _classes(said, golds, task)
        tables.append(np.hstack(counts))
    subjects = [one[key]["subject_id"] for key in both]
    number = partial(_mean_f1, kinds=tables[0].shape[1] // 3)
    found = paired_formulas(*tables, number, subjects, permutations_for(subjects))
    b, a = (float(number(table.sum(0, keepdims=True))[0]) for table in tables)
    if np.isnan(a):
        return None  # no unit of the protocol occurs
    scores = [(one[key]["value"], two[key]["value"]) for key in both]
    return Difference(
        benchmark=benchmark,
        part="unit_f1" if task == UNITS_TASK else "macro_f1",
        a=a,
        b=b,
        difference=found.difference,
        better=sum(y > x for x, y in scores),
        worse=sum(y < x for x, y in scores),
        unmatched=len(set(one) | set(two)) - len(both),
        p=None if np.isnan(found.p) else found.p,
    )


def _mean_f1(sums: Floats, kinds: int) -> Floats:
    """The mean F1 (D,) over the classes or units that occur, from sums (D, 3 K)."""
    hits, said, there = sums[:, :kinds], sums[:, kinds : 2 * kinds], sums[:, 2 * kinds :]
    return row_means(np.where(there > 0, ratio(2 * hits, said + there), np.nan))


def _classes(said: Sequence[Any], golds: Sequence[Any], task: str) -> _Counts:
    key = CLASS_KEYS[task]
    named = sorted({gold[key] for gold in golds})  # others are in no average
    hot_said = np.array([[answer.get(key) == name for name in named] for answer in said], float)
    hot_gold = np.array([[gold[key] == name for name in named] for gold in golds], float)
    return _Counts(hot_said * hot_gold, hot_said, hot_gold)


def _units(said: Sequence[Any], golds: Sequence[Any]) -> _Counts:
    units, present_at = PROTOCOLS[PROTOCOL]
    rated = [[g["rated"] is None or n in g["rated"] for n in units] for g in golds]
    p, g = (
        np.array([[a.get("units", {}).get(str(n), 0.0) >= present_at for n in units] for a in rows])
        & np.array(rated)
        for rows in (said, golds)
    )
    return _Counts((p & g).astype(float), p.astype(float), g.astype(float))
