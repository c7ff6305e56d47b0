"""One class out of many: accuracy, UAR, WAR, macro-F1 and the confusion matrix."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.statistics import Clusters, Floats, ratio, row_means, same_length
from facellm.core.errors import FaceLLMError, given
from facellm.core.statistics import Interval


class Confusion(NamedTuple):
    """How often each class was answered with each class."""

    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    """(K, K + 1): row gold, column answer, the last column is no readable answer."""


def indices(
    predicted: Sequence[str | None], gold: Sequence[str], classes: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both as places in `classes`; no answer is len(classes).

    Raises:
        FaceLLMError: a label outside the classes, or columns of different lengths.
    """
    same_length(predictions=predicted, labels=gold)
    place: dict[str | None, int] = {name: i for i, name in enumerate(classes)}
    for name in gold:
        if name not in place:
            raise FaceLLMError(f"label {given(name)} is none of the classes {', '.join(classes)}")
    place[None] = len(classes)
    for label in predicted:
        if label not in place:
            raise FaceLLMError(
                f"prediction {given(label)} is none of the classes {', '.join(classes)}; "
                "map it to one, or to None to count it as unanswered"
            )
    return (
        np.asarray([place[x] for x in predicted], dtype=np.int64),
        np.asarray([place[x] for x in gold], dtype=np.int64),
    )


def confusion(
    predicted: Sequence[str | None], gold: Sequence[str], classes: Sequence[str]
) -> Confusion:
    """Count every pair of label and answer."""
    p, g = indices(predicted, gold, classes)
    counts = np.zeros((len(classes), len(classes) + 1), dtype=np.int64)
    np.add.at(counts, (g, p), 1)
    return Confusion(tuple(classes), counts)


def class_draws(
    clusters: Clusters, predicted: NDArray[np.int64], gold: NDArray[np.int64], classes: int
) -> dict[str, Floats]:
    """The numbers over every draw, (1 + D,) or, per class, (1 + D, K), from class indices (N,)."""
    k = classes
    hot_p, hot_g = np.eye(k + 1)[predicted][:, :k], np.eye(k + 1)[gold][:, :k]
    sums = clusters.sums(np.hstack([hot_p * hot_g, hot_p, hot_g, np.ones((len(gold), 1))]))
    hits, said, real, total = sums[:, :k], sums[:, k : 2 * k], sums[:, 2 * k : 3 * k], sums[:, -1]
    recall = ratio(hits, real)
    f1 = np.where(real > 0, ratio(2 * hits, said + real), np.nan)
    return {
        "accuracy": ratio(hits.sum(1), total),
        "uar": row_means(recall),
        "macro_f1": row_means(f1),
        "answered": ratio(said.sum(1), total),
        "recall": recall,
        "precision": ratio(hits, said),
        "f1": f1,
    }


def classification(
    predicted: Sequence[str | None],
    gold: Sequence[str],
    subjects: Sequence[str],
    classes: Sequence[str],
) -> dict[str, Interval]:
    """Agreement of answers with labels, for any number of classes.

    Returns:
        `accuracy`: share right; no answer is wrong. `war`, the weighted average recall of the
        literature, is the same number under its other name.
        `uar`: unweighted mean of the recalls of the classes that occur among the labels.
        `macro_f1`: mean F1 over those same classes. A class that is only predicted costs the
        precision of nobody else and is not averaged in, as in `facellm.core.agreement.macro_f1`.
        `answered`: share of samples with an answer.
        `recall/NAME`, `precision/NAME`, `f1/NAME`: of one class; undefined where it never occurs
        (precision: is never answered).
    """
    same_length(predictions=predicted, subjects=subjects)
    p, g = indices(predicted, gold, classes)
    clusters = Clusters(subjects)
    draws = class_draws(clusters, p, g, len(classes))
    overall = {name: draws[name] for name in ("uar", "macro_f1")}
    found = clusters.intervals(overall)
    found["accuracy"] = found["war"] = clusters.interval(draws["accuracy"], share=True)
    found["answered"] = clusters.interval(draws["answered"], share=True)
    for i, name in enumerate(classes):
        found[f"recall/{name}"] = clusters.interval(draws["recall"][:, i], g == i, share=True)
        found[f"precision/{name}"] = clusters.interval(draws["precision"][:, i], p == i, share=True)
        found[f"f1/{name}"] = clusters.interval(draws["f1"][:, i], (g == i) | (p == i))
    return found
