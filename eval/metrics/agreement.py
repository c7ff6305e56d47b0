"""Numbers against numbers: ICC, CCC, Pearson, errors; all from sums, so all at once.

For n pairs with means p̄, ḡ and central sums of squares S_pp, S_gg, S_pg:

    Pearson   S_pg / √(S_pp·S_gg)
    CCC       2·S_pg / (S_pp + S_gg + n·(p̄ − ḡ)²)                                    (Lin, 1989)
    ICC(3,1)  2·S_pg / (S_pp + S_gg): consistency; a constant offset costs nothing
    ICC(A,1)  (MS_R − MS_E) / (MS_R + MS_E + 2·(MS_C − MS_E) / n): absolute agreement
                                                                     (McGraw & Wong, 1996)
"""

from typing import NamedTuple

import numpy as np

from eval.statistics import Clusters, Floats, ratio
from facellm.core.errors import FaceLLMError


class Moments(NamedTuple):
    """Sums over labelled pairs, per draw and column (D, K)."""

    n: Floats
    mean_p: Floats
    mean_g: Floats
    pp: Floats
    """Central sum of squares of the predictions."""
    gg: Floats
    pg: Floats
    absolute: Floats
    """Sum of |p − g|."""
    squared: Floats
    """Sum of (p − g)²."""


def moments(clusters: Clusters, predicted: Floats, gold: Floats) -> Moments:
    """The sums of every draw.

    Args:
        clusters: the samples' subjects.
        predicted: (N, K); may be NaN only where gold is.
        gold: (N, K), NaN where unlabelled.

    Raises:
        FaceLLMError: a prediction that is missing where there is a label.
    """
    known = ~np.isnan(gold)
    if predicted.shape != gold.shape:
        raise FaceLLMError(f"predictions {predicted.shape} and labels {gold.shape} differ in shape")
    if np.isnan(predicted[known]).any():
        raise FaceLLMError(
            "a prediction is NaN where there is a label; leave the sample out and report its share"
        )
    # Central sums lose digits where the mean is large, so both are shifted by a common constant.
    shift = np.nanmean(gold, axis=0, keepdims=True) if known.any(0).all() else 0.0
    p, g = np.where(known, predicted - shift, 0.0), np.where(known, gold - shift, 0.0)
    table = np.hstack([known, p, g, p * p, g * g, p * g, np.abs(p - g), (p - g) ** 2])
    n, sp, sg, pp, gg, pg, absolute, squared = np.split(clusters.sums(table), 8, axis=1)
    return Moments(
        n,
        ratio(sp, n),
        ratio(sg, n),
        _positive(pp - sp * ratio(sp, n)),
        _positive(gg - sg * ratio(sg, n)),
        pg - sp * ratio(sg, n),
        absolute,
        squared,
    )


def _positive(sums: Floats) -> Floats:
    """Central sums of squares; what rounding leaves of a constant column is 0."""
    return np.where(sums > 1e-9, sums, 0.0)


def mae(m: Moments) -> Floats:
    """Mean absolute error."""
    return ratio(m.absolute, m.n)


def rmse(m: Moments) -> Floats:
    """Root of the mean squared error."""
    return np.sqrt(ratio(m.squared, m.n))


def pearson(m: Moments) -> Floats:
    """Pearson's r; undefined where either side is constant."""
    return ratio(m.pg, np.sqrt(m.pp * m.gg))


def ccc(m: Moments) -> Floats:
    """Lin's concordance; undefined where both sides are the same constant."""
    return ratio(2 * m.pg, m.pp + m.gg + m.n * (m.mean_p - m.mean_g) ** 2)


def icc31(m: Moments) -> Floats:
    """ICC(3,1) for two raters; undefined where neither varies."""
    return ratio(2 * m.pg, m.pp + m.gg)


def icca1(m: Moments) -> Floats:
    """ICC(A,1) for two raters; undefined for fewer than two samples or no variance at all.

    With d = p − g and s = p + g: MS_R = S_ss / (2·(n−1)), MS_E = S_dd / (2·(n−1)) and
    MS_C = n·(p̄ − ḡ)² / 2, where S are central sums of squares.
    """
    rows = ratio(m.pp + m.gg + 2 * m.pg, 2 * (m.n - 1))
    errors = ratio(m.pp + m.gg - 2 * m.pg, 2 * (m.n - 1))
    columns = m.n * (m.mean_p - m.mean_g) ** 2 / 2
    return ratio(rows - errors, rows + errors + 2 * ratio(columns - errors, m.n))
