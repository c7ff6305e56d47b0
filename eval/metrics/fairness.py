"""Does a model serve groups equally? Each group's number, the gap and the ratio, with intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from eval.statistics import Bools, Clusters, Floats, ratio, same_length
from facellm.core.errors import FaceLLMError
from facellm.core.statistics import Interval

FEW = 20
"""Samples under which a group's number says little; reports mark it."""


class Fairness(NamedTuple):
    """A score in the groups of one attribute."""

    groups: dict[str, Interval]
    gap: Interval
    """Largest minus smallest group mean. Even between equal groups it is above 0 by chance, and so
    is its interval: judge it beside `gap_by_chance`."""
    ratio: Interval
    """Smallest over largest group mean; undefined where the largest is 0."""
    best: str | None
    worst: str | None
    gap_by_chance: float | None
    """95 % point of the gap if group labels meant nothing, from shuffles of subjects."""


def group_means(
    scores: Sequence[float] | Floats,
    groups: Sequence[str | None],
    subjects: Sequence[str],
    shuffles: int = 1000,
    seed: int = 0,
) -> Fairness:
    """Compare the mean of a score (accuracy, error in years, …) over groups.

    Args:
        scores: one number a sample, NaN where unscored.
        groups: one label a sample; None is unlabelled and left out, never a group of its own.
        subjects: (N,).
        shuffles: of whole subjects between the groups, for `gap_by_chance`.
        seed: of draws and shuffles.

    Raises:
        FaceLLMError: no sample with both a score and a group.
    """
    same_length(scores=scores, groups=groups, subjects=subjects)
    values = np.asarray(scores, dtype=np.float64)
    keep = [i for i, g in enumerate(groups) if g is not None and not np.isnan(values[i])]
    if not keep:
        raise FaceLLMError("no sample has both a score and a group label; nothing to compare")
    labels = np.asarray([groups[i] for i in keep], dtype=object)
    values = values[keep]
    clusters = Clusters([subjects[i] for i in keep], seed=seed)
    names = sorted(set(labels.tolist()))
    members = [np.asarray(labels == name, dtype=bool) for name in names]
    means = _means(clusters, values, members)
    present = ~np.isnan(means).any(1)
    top, bottom = means.max(1), means.min(1)
    gaps = np.where(present, top - bottom, np.nan)
    each = {n: clusters.interval(means[:, i], members[i]) for i, n in enumerate(names)}
    order = np.argsort(means[0])
    return Fairness(
        groups=each,
        gap=clusters.interval(gaps),
        ratio=clusters.interval(np.where(present, ratio(bottom, top), np.nan)),
        best=names[int(order[-1])] if len(names) > 1 else None,
        worst=names[int(order[0])] if len(names) > 1 else None,
        gap_by_chance=_gap_by_chance(clusters, values, members, shuffles, seed),
    )


def _means(clusters: Clusters, values: Floats, members: Sequence[Bools]) -> Floats:
    hot = np.column_stack(members).astype(np.float64)
    sums = clusters.sums(np.hstack([hot * values[:, None], hot]))
    k = len(members)
    return ratio(sums[:, :k], sums[:, k:])


def _gap_by_chance(
    clusters: Clusters, values: Floats, members: Sequence[Bools], shuffles: int, seed: int
) -> float | None:
    """The gap if each subject's samples had the groups of another subject.

    None where a subject has samples in several groups: then subjects cannot be shuffled.
    """
    hot = np.column_stack(members)
    per_subject = np.zeros((clusters.subjects, len(members)))
    np.add.at(per_subject, clusters.of_sample, hot)
    if ((per_subject > 0).sum(1) > 1).any() or clusters.subjects < 3 or len(members) < 2:
        return None
    group_of = per_subject.argmax(1)
    totals = np.bincount(clusters.of_sample, weights=values, minlength=clusters.subjects)
    counts = np.bincount(clusters.of_sample, minlength=clusters.subjects)
    rng = np.random.default_rng(seed)
    gaps = []
    for _ in range(shuffles):
        shuffled = rng.permutation(group_of)
        means = ratio(
            np.bincount(shuffled, weights=totals, minlength=len(members)),
            np.bincount(shuffled, weights=counts, minlength=len(members)),
        )
        gaps.append(means.max() - means.min())
    return float(np.quantile(gaps, 0.95))


def by_attribute(
    scores: Sequence[float] | Floats,
    groups: Sequence[Mapping[str, str] | None],
    subjects: Sequence[str],
) -> dict[str, Fairness]:
    """`group_means` for every attribute that some sample states, such as gender and age band."""
    names = sorted({name for labels in groups for name in labels or ()})
    return {
        name: group_means(scores, [(g or {}).get(name) for g in groups], subjects) for name in names
    }
