"""How well predictions agree with the gold: F1, ICC(3,1), errors, correlations, ROC curves.

Pure numpy. A number that is undefined is NaN, never a made-up zero. The functions over columns
take samples × columns and leave out the entries whose gold is NaN, which means unlabelled.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDING = 1e-12
"""A variance below this share of the mean square is none."""


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


def root_mean_squared_error(predicted: Floats, gold: Floats) -> float:
    """Root of the mean of (predicted − gold)², both (N,); NaN for no samples."""
    return math.sqrt(defined_mean((predicted - gold) ** 2))


def pearson(predicted: Floats, gold: Floats) -> float:
    """Pearson's correlation of two columns (N,); NaN where either is constant."""
    pp, gg, pg = _central(predicted, gold)
    return pg / math.sqrt(pp * gg) if pp and gg else math.nan


def ccc(predicted: Floats, gold: Floats) -> float:
    """Lin's concordance (1989): 2·cov / (var p + var g + (mean p − mean g)²), of columns (N,).

    NaN where both are the same constant.
    """
    pp, gg, pg = _central(predicted, gold)
    if not len(gold):
        return math.nan
    apart = len(gold) * float(predicted.mean() - gold.mean()) ** 2
    below = pp + gg + apart
    return 2.0 * pg / below if below > ROUNDING else math.nan


def _central(predicted: Floats, gold: Floats) -> tuple[float, float, float]:
    """Central sums of squares of both, 0 for a constant, and of their product."""
    if not len(gold):
        return 0.0, 0.0, 0.0
    p, g = predicted - predicted.mean(), gold - gold.mean()
    return _spread(p, predicted), _spread(g, gold), float(p @ g)


def _spread(central: Floats, whole: Floats) -> float:
    squares = float(central @ central)
    return squares if squares > ROUNDING * float(whole @ whole) else 0.0


def spearman(predicted: Floats, gold: Floats) -> float:
    """Spearman's rank correlation of two columns (N,), ties at their mean rank."""
    return pearson(_ranks(predicted), _ranks(gold))


def _ranks(values: Floats) -> Floats:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places], dtype=np.float64)


def roc(scores: Floats, truth: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """False and true positive rates from (0, 0) to (1, 1), equal scores in one step.

    Args:
        scores: (N,), higher means yes.
        truth: (N,).

    Returns:
        Two columns of one entry more than there are different scores; NaN where `truth` is all yes
        or all no.
    """
    _, places = np.unique(-scores, return_inverse=True)
    sides = (np.bincount(places, ~truth), np.bincount(places, truth))
    steps = (np.cumsum(side, dtype=np.float64) for side in sides)
    fpr, tpr = (np.concatenate(([0.0], _ratio(step, step[-1:]))) for step in steps)
    return fpr, tpr


def area_under(fpr: Floats, tpr: Floats) -> float:
    """The area under a ROC curve, NaN where the curve is undefined."""
    return float((np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2).sum()) if len(fpr) > 1 else math.nan


def equal_error_rate(fpr: Floats, tpr: Floats) -> float:
    """The false positive rate where it equals the miss rate, on the straight pieces of the curve.

    NaN where the curve is undefined.
    """
    gap = fpr + tpr - 1.0  # from −1 to 1, never falling
    if len(gap) < 2 or np.isnan(gap).any():
        return math.nan
    last = int(np.argmax(gap >= 0.0))
    share = -gap[last - 1] / (gap[last] - gap[last - 1])
    return float(fpr[last - 1] + share * (fpr[last] - fpr[last - 1]))


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
