"""Numbers about one class out of many, as formulas over sums."""

from collections.abc import Sequence

import numpy as np

from facellm.core.statistics import Interval, Rows, by_subject, cluster_formulas

Classified = tuple[str | None, str, str]
"""Predicted class (None: no answer), gold class, subject."""


def class_metrics(pairs: Sequence[Classified], classes: Sequence[str]) -> dict[str, Interval]:
    """Agreement of answers with labels; no answer is wrong.

    Returns:
        `accuracy`: share right, which the literature also calls WAR, weighted average recall;
        `uar`: unweighted mean of the recalls, and `macro_f1`: mean F1, both over the classes that
        occur in the gold.
    """
    place = {name: k for k, name in enumerate(classes)}
    table = np.zeros((len(pairs), 3 * len(classes)))
    rows = table.reshape(len(pairs), 3, len(classes))  # right, predicted, gold
    for row, (predicted, gold, _) in zip(rows, pairs, strict=True):
        row[2, place[gold]] = 1
        if predicted is not None:
            row[1, place[predicted]] = 1
    rows[:, 0] = rows[:, 1] * rows[:, 2]
    groups = by_subject([subject for _, _, subject in pairs], table)
    names = ("accuracy", "uar", "macro_f1")
    return cluster_formulas(groups, names, _formulas, shares=("accuracy",))


def _formulas(sums: Rows) -> Rows:
    """The numbers of every draw (D, 3), from how often each class was right, predicted, gold."""
    right, predicted, gold = sums.reshape(len(sums), 3, -1).swapaxes(0, 1)
    there = (gold > 0).sum(1)
    recall = np.where(gold > 0, right / np.maximum(gold, 1), 0)
    f1 = np.where(gold > 0, 2 * right / np.maximum(predicted + gold, 1), 0)
    return np.stack([right.sum(1) / gold.sum(1), recall.sum(1) / there, f1.sum(1) / there], 1)
