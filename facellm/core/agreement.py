"""How well predictions agree with the gold: F1, macro-F1, ICC(3,1), mean absolute error.

Pure numpy. A number that is undefined is NaN, never a made-up zero. The functions over columns
take samples × columns and leave out the entries whose gold is NaN, which means unlabelled.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def f1_columns(predicted: Floats, gold: Floats, present_at: float) -> Floats:
    """F1 of each column, 2·TP / (2·TP + FP + FN), present from a threshold; NaN if never present.

    Args:
        predicted: (N, K).
        gold: (N, K), NaN where unlabelled.
        present_at: value from which an entry counts as present.
    """
    known = ~np.isnan(gold)
    p, g = (predicted >= present_at) & known, (gold >= present_at) & known
    return _ratio(2.0 * (p & g).sum(0), p.sum(0) + g.sum(0))


def icc31_columns(predicted: Floats, gold: Floats) -> Floats:
    """ICC(3,1) of each column: two-way mixed, single rater, consistency (Shrout & Fleiss, 1979).

    For two raters it is 2·cov(p, g) / (var p + var g). NaN where neither rater varies.

    Args:
        predicted: (N, K).
        gold: (N, K), NaN where unlabelled.
    """
    known = ~np.isnan(gold)
    count = np.maximum(known.sum(0), 1)
    p, g = np.where(known, predicted, 0.0), np.where(known, gold, 0.0)
    p = np.where(known, p - p.sum(0) / count, 0.0)
    g = np.where(known, g - g.sum(0) / count, 0.0)
    return _ratio(2.0 * (p * g).sum(0), (p * p).sum(0) + (g * g).sum(0))


def macro_f1(predicted: Floats, gold: Floats) -> float:
    """Mean F1 over the classes that occur in `gold`; both are class indices (N,)."""
    classes = np.unique(gold)
    hits = (predicted[:, None] == classes) & (gold[:, None] == classes)
    total = (predicted[:, None] == classes).sum(0) + (gold[:, None] == classes).sum(0)
    return defined_mean(_ratio(2.0 * hits.sum(0), total))


def mean_absolute_error(predicted: Floats, gold: Floats) -> float:
    """Mean of |predicted − gold| over the entries whose gold is not NaN."""
    return defined_mean(np.abs(predicted - gold))


def set_f1(predicted: set[int], gold: set[int], errors: int = 0) -> float:
    """F1 of two sets, 1.0 if both are empty; `errors` counts further false positives."""
    total = len(predicted) + len(gold) + errors
    return 2.0 * len(predicted & gold) / total if total else 1.0


def defined_mean(values: Floats) -> float:
    """The mean of the entries that are not NaN; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _ratio(above: Floats, below: Floats) -> Floats:
    result: Floats = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=result, where=below > 1e-12)
    return result
