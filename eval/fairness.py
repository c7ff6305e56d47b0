"""Whom does a model read worse? Scores by every group label that a source has.

`audit` compares groups of people. Where the same face with the same expression is there in several
groups, as in the fairness part of rigbench, it also compares each face with itself, so that who the
people are and what they express cannot explain a difference.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eval.metrics.fairness import group_means
from eval.question import Question
from eval.statistics import Bools, Clusters, Floats, ratio
from facellm.core.sample import Record
from facellm.core.statistics import Interval, cluster_mean
from facellm.tasks.base import Scored

FEW = 5
"""People below which a group is shown and not compared."""


class Audit(Record):
    """One number in the groups of one label."""

    label: str
    """Such as `skin`."""
    measure: str
    """`score` or a part of it."""
    groups: dict[str, Interval]
    """The mean in each group; all of them, also those too small to compare."""
    small: tuple[str, ...] = ()
    """Groups of fewer than `FEW` people, which nothing below is about."""
    best: str | None = None
    """None where fewer than two groups are large enough."""
    worst: str | None = None
    gap: Interval | None = None
    """Best minus worst group in each draw of people; never below 0, see `difference`."""
    ratio: Interval | None = None
    """Worst over best."""
    difference: Interval | None = None
    """The group that is best minus the one that is worst, whichever is ahead in a draw."""
    gap_by_chance: float | None = None
    """Gap that 95 % of random regroupings of the people stay under; None where people are in
    several groups."""
    paired: dict[str, Interval] = {}  # noqa: RUF012  (records are immutable)
    """Group → how much better a face scores in it than the same face in the other groups; n counts
    faces. Empty where faces are not repeated."""

    @property
    def clear(self) -> bool:
        """Whether the interval of the difference leaves zero out."""
        return self.difference is not None and excludes_zero(self.difference)


class Row(NamedTuple):
    """One scored answer as an audit takes it."""

    group: str
    subject: str
    face: str
    """Equal for pictures of one face with one expression; empty where that is not known."""
    value: float


def audit(questions: Sequence[Question], scored: Sequence[Scored[Any] | None]) -> list[Audit]:
    """Audit the score and its parts for every label under `groups`; unscored answers are left out.

    Args:
        questions: one a scored answer, in the same order.
        scored: None where no answer came.
    """
    rows: dict[tuple[str, str], list[Row]] = {}
    for question, one in zip(questions, scored, strict=True):
        groups = _groups(question)
        if one is None or not groups:
            continue
        face = _same_face(question)
        for measure, value in _measures(one).items():
            for label, group in groups.items():
                row = Row(group, question.subject_id, face, value)
                rows.setdefault((label, measure), []).append(row)
    return [
        _audit(label, measure, own) for (label, measure), own in sorted(rows.items(), key=_first)
    ]


def excludes_zero(interval: Interval) -> bool:
    """Whether an interval is known and lies on one side of zero."""
    low, high = interval.low, interval.high
    return low is not None and high is not None and (low > 0 or high < 0)


def _first(item: tuple[tuple[str, str], list[Row]]) -> tuple[str, bool, str]:
    label, measure = item[0]
    return label, measure != "score", measure


def _groups(question: Question) -> dict[str, str]:
    faces = question.sample.faces
    return (faces[question.face - 1].labels.groups if faces else None) or {}


def _same_face(question: Question) -> str:
    labels = question.sample.faces[question.face - 1].labels
    if question.sample.pair is not None:
        return f"{question.sample.pair}/{question.face}"
    if labels.action_units is None:
        return ""
    return f"{question.subject_id}/{labels.emotion}/{sorted(labels.action_units.items())}"


def _measures(one: Scored[Any]) -> dict[str, float]:
    parts = one.score.parts if len(one.score.parts) > 1 else {}  # a lone part is the score itself
    named = {"score": one.score.value, **parts}
    return {name: value for name, value in named.items() if value is not None}


def _audit(label: str, measure: str, rows: Sequence[Row]) -> Audit:
    names = sorted({row.group for row in rows}, key=_order)
    members = {name: [row for row in rows if row.group == name] for name in names}
    groups = {name: _mean(own, share=True) for name, own in members.items()}
    small = tuple(name for name in names if groups[name].subjects < FEW)
    kept = [row for row in rows if row.group not in small]
    found = Audit(label=label, measure=measure, groups=groups, small=small)
    if len(names) - len(small) < 2:
        return found
    compared = group_means(
        [row.value for row in kept], [row.group for row in kept], [row.subject for row in kept]
    )
    assert compared.best is not None and compared.worst is not None, "two groups are left"
    return found.model_copy(
        update={
            "best": compared.best,
            "worst": compared.worst,
            "gap": compared.gap,
            "ratio": compared.ratio,
            "difference": _difference(kept, compared.best, compared.worst),
            "gap_by_chance": compared.gap_by_chance,
            "paired": _paired(kept),
        }
    )


def _order(group: str) -> tuple[float, str]:
    """Groups that begin with a number in its order, the others behind them by name."""
    number = re.match(r"[+-]?\d+(?:\.\d+)?", group)
    return (float(number[0]) if number else math.inf), group


def _mean(rows: Sequence[Row], share: bool = False) -> Interval:
    return cluster_mean([row.subject for row in rows], [row.value for row in rows], share)


def _difference(rows: Sequence[Row], best: str, worst: str) -> Interval:
    clusters = Clusters([row.subject for row in rows])
    values = np.array([row.value for row in rows])
    inside = [np.array([row.group == name for row in rows]) for name in (best, worst)]
    top, bottom = (_draws(clusters, values, mask) for mask in inside)
    return clusters.interval(top - bottom, inside[0] | inside[1])


def _draws(clusters: Clusters, values: Floats, mask: Bools) -> Floats:
    sums = clusters.sums(np.column_stack([values * mask, mask]))
    return ratio(sums[:, 0], sums[:, 1])


def _paired(rows: Sequence[Row]) -> dict[str, Interval]:
    """Group → its score minus the mean over the other groups, of the faces that are in several."""
    faces: dict[str, list[Row]] = {}
    for row in rows:
        if row.face:
            faces.setdefault(row.face, []).append(row)
    apart: dict[str, list[Row]] = {}
    for own in faces.values():
        means = {
            name: float(np.mean([row.value for row in own if row.group == name]))
            for name in {row.group for row in own}
        }
        for name, value in means.items():
            others = [other for group, other in means.items() if group != name]
            if others:
                change = value - float(np.mean(others))
                apart.setdefault(name, []).append(own[0]._replace(group=name, value=change))
    return {name: _mean(apart[name]) for name in sorted(apart)}
