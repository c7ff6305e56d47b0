"""Is a model as often right as it is sure? ECE, Brier score and the table behind the diagram."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.statistics import Clusters, Floats, ratio, same_length
from facellm.core.errors import FaceLLMError
from facellm.core.statistics import Interval

Binning = Literal["width", "mass"]


class Bin(NamedTuple):
    """One row of the reliability table."""

    low: float
    high: float
    confidence: float | None
    """Mean confidence; None for an empty bin."""
    accuracy: Interval


def edges(confidence: Floats, bins: int, binning: Binning) -> Floats:
    """The bins' edges, ascending, over [0, 1]: equally wide, or with equally many samples.

    Equal values stay together, so bins of equal mass may be fewer where many confidences tie.
    """
    if binning == "width":
        return np.linspace(0.0, 1.0, bins + 1)
    inner = np.quantile(confidence, np.linspace(0.0, 1.0, bins + 1)[1:-1])
    return np.unique(np.concatenate([[0.0], inner, [1.0]]))


def calibration(
    confidence: Floats,
    right: Sequence[bool],
    subjects: Sequence[str],
    bins: int = 10,
) -> dict[str, Interval]:
    """Calibration of the probability given to the answer.

    Args:
        confidence: (N,) in [0, 1].
        right: whether the answer was right (N,).
        subjects: (N,).
        bins: of either binning.

    Returns:
        `ece` and `ece_mass`: mean |accuracy − confidence| over bins of equal width and of equal
        mass, weighted by their samples (both lean upwards for few samples); `brier`: mean
        (confidence − right)²; `confidence`, `accuracy` and their difference `overconfidence`.
        Bins are fixed on the whole sample, not drawn anew.
    """
    clusters, truth = _checked(confidence, right, subjects)
    if not len(clusters):
        empty = Interval(value=None, low=None, high=None, n=0)
        names = ("ece", "ece_mass", "brier", "confidence", "accuracy", "overconfidence")
        return dict.fromkeys(names, empty)
    return {
        "ece": clusters.interval(_ece(clusters, confidence, truth, bins, "width")),
        "ece_mass": clusters.interval(_ece(clusters, confidence, truth, bins, "mass")),
        "brier": clusters.mean((confidence - truth) ** 2),
        "confidence": clusters.mean(confidence, share=True),
        "accuracy": clusters.mean(truth, share=True),
        "overconfidence": clusters.mean(confidence - truth),
    }


def reliability(
    confidence: Floats,
    right: Sequence[bool],
    subjects: Sequence[str],
    bins: int = 10,
    binning: Binning = "width",
) -> list[Bin]:
    """The reliability table, by rising confidence; bins hold (low, high], the first 0 too."""
    clusters, truth = _checked(confidence, right, subjects)
    if not len(clusters):
        return []
    ends = edges(confidence, bins, binning)
    of_sample = _bin_of(confidence, ends)
    table = []
    for i, (low, high) in enumerate(pairwise(ends.tolist())):
        inside = np.asarray(of_sample == i, dtype=bool)
        mean = float(confidence[inside].mean()) if inside.any() else None
        table.append(Bin(low, high, mean, clusters.mean(truth, inside, share=True)))
    return table


def _bin_of(confidence: Floats, ends: Floats) -> NDArray[np.intp]:
    return np.clip(np.searchsorted(ends, confidence, side="left") - 1, 0, len(ends) - 2)


def _ece(
    clusters: Clusters, confidence: Floats, truth: Floats, bins: int, binning: Binning
) -> Floats:
    ends = edges(confidence, bins, binning)
    hot = np.eye(len(ends) - 1)[_bin_of(confidence, ends)]
    gaps = np.abs(clusters.sums(hot * (truth - confidence)[:, None])).sum(1)
    return ratio(gaps, clusters.sums(np.ones(len(truth)))[:, 0])


def _checked(
    confidence: Floats, right: Sequence[bool], subjects: Sequence[str]
) -> tuple[Clusters, Floats]:
    same_length(confidences=confidence, answers=right, subjects=subjects)
    bad = ~((confidence >= 0.0) & (confidence <= 1.0))
    if bad.any():
        worst = confidence[bad][0]
        raise FaceLLMError(f"a confidence of {worst:g}; expected probabilities from 0 to 1")
    return Clusters(subjects), np.asarray(right, dtype=np.float64)
