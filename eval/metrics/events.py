"""Facial events in a clip, in the way of FEC-Bench: which ones, how related, in which order.

A sequence is told as events in order of time, such as `["brows raised", "mouth opens", "smile"]`.
FEC-Bench lets a language model extract and match events; here events are compared after
normalisation, so that the number needs no model (`match` takes one where there is one).
"""

from collections.abc import Sequence

import numpy as np

from eval.statistics import Clusters, same_length
from facellm.core.sequences import Match, lcs, same_words, sequence_scores
from facellm.core.statistics import Interval


def event_order(
    told: Sequence[Sequence[str] | None],
    true: Sequence[Sequence[str]],
    subjects: Sequence[str],
    match: Match = same_words,
) -> dict[str, Interval]:
    """Means of `sequence_scores` over clips: `events`, `relations`, `order`; None told scores 0."""
    same_length(predictions=told, labels=true, subjects=subjects)
    clusters = Clusters(subjects)
    rows = [sequence_scores(a or (), b, match) for a, b in zip(told, true, strict=True)]
    table = np.asarray(rows, dtype=np.float64).reshape(-1, 3)
    unanswered = np.asarray([a is None for a in told], dtype=bool)
    table[unanswered] = np.where(np.isnan(table[unanswered]), np.nan, 0.0)
    names = ("events", "relations", "order")
    return {
        name: clusters.mean(table[:, i], np.asarray(~np.isnan(table[:, i]), dtype=bool), share=True)
        for i, name in enumerate(names)
    }


__all__ = ["event_order", "lcs", "same_words", "sequence_scores"]
