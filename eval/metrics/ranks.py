"""Measures of order: Spearman's correlation, the area under the ROC curve, the equal error rate.

A bootstrap draw weighs each sample with how often it was taken, so ties of copies fall together.
"""

from collections.abc import Sequence

import numpy as np

from eval.statistics import Bools, Clusters, Floats, ratio, same_length
from facellm.core.statistics import Interval


def spearman(clusters: Clusters, a: Floats, b: Floats, counted: Bools) -> Floats:
    """Spearman's rank correlation of every draw, ties at mean ranks; NaN where one is constant."""
    rows = np.flatnonzero(counted)
    if not rows.size:
        return np.full(len(clusters.counts), np.nan)

    def statistic(weights: Floats) -> Floats:
        w = weights[:, rows]
        p, g = _ranks(a[rows], w), _ranks(b[rows], w)
        total = w.sum(1, keepdims=True)
        p = p - ratio((w * p).sum(1, keepdims=True), total)
        g = g - ratio((w * g).sum(1, keepdims=True), total)
        spread = np.sqrt((w * p * p).sum(1) * (w * g * g).sum(1))
        return ratio((w * p * g).sum(1), spread)

    return clusters.weighted(statistic)


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Mean rank of each value in the weighted sample (D, N)."""
    _, places = np.unique(values, return_inverse=True)
    per_value = _by_value(weights, places)
    ends = np.cumsum(per_value, axis=1)
    return (ends - (per_value - 1) / 2)[:, places]


def _by_value(weights: Floats, places: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> Floats:
    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(places[order]) > 0])
    return np.asarray(np.add.reduceat(weights[:, order], starts, axis=1), dtype=np.float64)


def binary(
    scores: Floats,
    gold: Sequence[bool],
    subjects: Sequence[str],
    threshold: float = 0.5,
) -> dict[str, Interval]:
    """A yes-or-no question answered with a score, such as authenticity.

    Args:
        scores: (N,) higher means yes; NaN is no answer. 0 and 1 for answers without a score.
        gold: (N,).
        subjects: (N,).
        threshold: score from which an answer is yes.

    Returns:
        `accuracy` (no answer is wrong), `auc`, `eer` (equal error rate, where false alarms and
        misses are equal on the ROC curve's straight pieces) and `answered`. `auc` and `eer` take
        the answered samples and are undefined where these are all yes or all no.
    """
    same_length(scores=scores, labels=gold, subjects=subjects)
    truth = np.asarray(gold, dtype=bool)
    known = ~np.isnan(scores)
    clusters = Clusters(subjects)
    right = known & ((scores >= threshold) == truth)
    curve = _auc_and_eer(clusters, scores, truth, known)
    return {
        "accuracy": clusters.mean(right, share=True),
        "auc": clusters.interval(curve[:, 0], known),
        "eer": clusters.interval(curve[:, 1], known),
        "answered": clusters.mean(known, share=True),
    }


def _auc_and_eer(clusters: Clusters, scores: Floats, truth: Bools, known: Bools) -> Floats:
    rows = np.flatnonzero(known)
    if not rows.size:
        return np.full((len(clusters.counts), 2), np.nan)
    _, places = np.unique(-scores[rows], return_inverse=True)
    yes = truth[rows]

    def statistic(weights: Floats) -> Floats:
        w = weights[:, rows]
        hits = np.cumsum(_by_value(w * yes, places), axis=1)
        alarms = np.cumsum(_by_value(w * ~yes, places), axis=1)
        start = np.zeros((len(w), 1))
        tpr = np.hstack([start, ratio(hits, hits[:, -1:])])
        fpr = np.hstack([start, ratio(alarms, alarms[:, -1:])])
        area = (np.diff(fpr, axis=1) * (tpr[:, 1:] + tpr[:, :-1]) / 2).sum(1)
        return np.column_stack([area, _equal_error(fpr, tpr)])

    return clusters.weighted(statistic)


def _equal_error(fpr: Floats, tpr: Floats) -> Floats:
    """Where the ROC polyline crosses fpr = 1 − tpr."""
    gap = fpr + tpr - 1.0  # from −1 at the first point to 1 at the last, never falling
    defined = ~np.isnan(gap).any(1)
    last = np.argmax(np.where(np.isnan(gap), 0.0, gap) >= 0.0, axis=1)
    rows = np.arange(len(gap))
    before, after = gap[rows, last - 1], gap[rows, last]
    share = ratio(-before, after - before)
    eer = fpr[rows, last - 1] + share * (fpr[rows, last] - fpr[rows, last - 1])
    return np.where(defined, eer, np.nan)
