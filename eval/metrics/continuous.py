"""Valence and arousal, apparent age, head pose, image quality: numbers that can be near."""

import math
from collections.abc import Sequence

import numpy as np

from eval.metrics import agreement
from eval.metrics.ranks import spearman
from eval.statistics import Bools, Clusters, Floats, same_length
from facellm.core.errors import FaceLLMError
from facellm.core.statistics import Interval

ANGLES = ("pitch", "yaw", "roll")


def valence_arousal(
    predicted: Floats, gold: Floats, subjects: Sequence[str]
) -> dict[str, Interval]:
    """Agreement on both dimensions.

    Args:
        predicted: (N, 2) valence, arousal in [-1, 1]; a row with NaN is unanswered.
        gold: (N, 2), NaN where unlabelled.
        subjects: (N,).

    Returns:
        `valence/…` and `arousal/…` with `ccc`, `pearson`, `rmse` over the answered samples, `sagr`
        (share whose sign is right, over labels that are not 0; no answer and 0 are wrong) and
        `answered`.
    """
    _shaped(predicted, gold, subjects, 2)
    clusters = Clusters(subjects)
    found: dict[str, Interval] = {}
    for i, name in enumerate(("valence", "arousal")):
        p, g = predicted[:, i], gold[:, i]
        both = ~np.isnan(p) & ~np.isnan(g)
        m = _moments(clusters, p, g, both)
        values = {
            "ccc": agreement.ccc(m)[:, 0],
            "pearson": agreement.pearson(m)[:, 0],
            "rmse": agreement.rmse(m)[:, 0],
        }
        right = np.sign(np.where(np.isnan(p), 0.0, p)) == np.sign(g)
        found |= {f"{name}/{key}": clusters.interval(v, both) for key, v in values.items()}
        found[f"{name}/sagr"] = clusters.mean(right, ~np.isnan(g) & (g != 0), share=True)
        found[f"{name}/answered"] = clusters.mean(~np.isnan(p), ~np.isnan(g), share=True)
    return found


def age(
    predicted: Floats, gold: Floats, subjects: Sequence[str], within: float = 5.0
) -> dict[str, Interval]:
    """Apparent age in years (N,), NaN in `predicted` for no answer.

    Returns:
        `mae` and `bias` (mean of predicted − gold) over the answered samples, `cs5` (share off by
        at most `within` years; no answer is a miss), `answered`.
    """
    same_length(predictions=predicted, labels=gold, subjects=subjects)
    if np.isnan(gold).any():
        raise FaceLLMError("an age label is NaN; leave unlabelled samples out")
    clusters = Clusters(subjects)
    both = ~np.isnan(predicted)
    off = np.where(both, predicted - gold, np.inf)
    return {
        "mae": clusters.mean(np.where(both, np.abs(off), 0.0), both),
        "bias": clusters.mean(np.where(both, off, 0.0), both),
        f"cs{within:g}": clusters.mean(np.abs(off) <= within, share=True),
        "answered": clusters.mean(both, share=True),
    }


def wrapped(angle: Floats) -> Floats:
    """An angle in radians brought into [-π, π), so that 359° and 1° are 2° apart."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def pose(predicted: Floats, gold: Floats, subjects: Sequence[str]) -> dict[str, Interval]:
    """Head pose: mean absolute error in radians, per angle and as their mean.

    Args:
        predicted: (N, 3) pitch, yaw, roll in radians; a row with NaN is unanswered.
        gold: (N, 3) without NaN.
        subjects: (N,).

    Returns:
        `mae`, `mae/pitch`, `mae/yaw`, `mae/roll` (radians, over the answered samples), `answered`.
    """
    _shaped(predicted, gold, subjects, 3)
    if np.isnan(gold).any():
        raise FaceLLMError("a pose label is NaN; leave unlabelled samples out")
    clusters = Clusters(subjects)
    both: Bools = np.asarray(~np.isnan(predicted).any(axis=1), dtype=np.bool_)
    off = np.abs(wrapped(np.where(both[:, None], predicted - gold, 0.0)))
    each = {f"mae/{name}": clusters.mean(off[:, i], both) for i, name in enumerate(ANGLES)}
    return {
        "mae": clusters.mean(off.mean(1), both),
        **each,
        "answered": clusters.mean(both, share=True),
    }


def gaze(predicted: Floats, gold: Floats, subjects: Sequence[str]) -> dict[str, Interval]:
    """Lines of sight: mean angle between them in radians.

    The cosine of the angle is sin p·sin q + cos p·cos q·cos(y − z), for pitches p, q and yaws y, z.

    Args:
        predicted: (N, 2) pitch, yaw in radians; a row with NaN is unanswered.
        gold: (N, 2) without NaN.
        subjects: (N,).

    Returns:
        `angular_error` over the answered samples, `answered`.
    """
    _shaped(predicted, gold, subjects, 2)
    if np.isnan(gold).any():
        raise FaceLLMError("a gaze label is NaN; leave unlabelled samples out")
    clusters = Clusters(subjects)
    both: Bools = np.asarray(~np.isnan(predicted).any(axis=1), dtype=np.bool_)
    (p, y), (q, z) = np.where(both[:, None], predicted, gold).T, gold.T
    cosine = np.sin(p) * np.sin(q) + np.cos(p) * np.cos(q) * np.cos(y - z)
    off = np.arccos(np.clip(cosine, -1.0, 1.0))
    return {"angular_error": clusters.mean(off, both), "answered": clusters.mean(both, share=True)}


def quality(predicted: Floats, gold: Floats, subjects: Sequence[str]) -> dict[str, Interval]:
    """Image quality (N,): `srcc` (Spearman), `plcc` (Pearson) over answered samples, `answered`.

    `plcc` is plain; no logistic curve is fitted first, as some image-quality papers do.
    """
    same_length(predictions=predicted, labels=gold, subjects=subjects)
    clusters = Clusters(subjects)
    both = ~np.isnan(predicted) & ~np.isnan(gold)
    m = _moments(clusters, predicted, gold, both)
    return {
        "srcc": clusters.interval(spearman(clusters, predicted, gold, both), both),
        "plcc": clusters.interval(agreement.pearson(m)[:, 0], both),
        "answered": clusters.mean(~np.isnan(predicted), ~np.isnan(gold), share=True),
    }


def _moments(clusters: Clusters, p: Floats, g: Floats, both: Bools) -> agreement.Moments:
    known = np.where(both, g, np.nan)
    return agreement.moments(clusters, p[:, None], known[:, None])


def _shaped(predicted: Floats, gold: Floats, subjects: Sequence[str], columns: int) -> None:
    if predicted.shape != gold.shape or gold.shape != (len(subjects), columns):
        raise FaceLLMError(
            f"predictions {predicted.shape} and labels {gold.shape}; "
            f"expected {len(subjects)} samples × {columns} numbers"
        )


__all__ = ["ANGLES", "age", "gaze", "pose", "quality", "valence_arousal", "wrapped"]
