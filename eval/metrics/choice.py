"""Multiple choice in the format of FaceXBench: accuracy, over all and per category, and chance."""

from collections.abc import Mapping, Sequence

import numpy as np

from eval.statistics import Bools, Clusters, ratio, row_means, same_length
from facellm.core.errors import FaceLLMError, given
from facellm.core.statistics import Interval


def multiple_choice(
    predicted: Sequence[str | None],
    gold: Sequence[str],
    options: Sequence[Mapping[str, str]],
    subjects: Sequence[str],
    categories: Sequence[str] | None = None,
) -> dict[str, Interval]:
    """How often the right letter was chosen.

    Args:
        predicted: the letter; None is an answer that `eval.read.choice` could not read, such as
            one that names two options. It is wrong, as a blank is in an examination.
        gold: the right letter of each question.
        options: letter → text of each question.
        subjects: whom the pictures show; a question's own id where that is unknown.
        categories: the task of each question; None: no breakdown.

    Returns:
        `accuracy`; `answered`, the share read; `accuracy_answered`, over those alone; `chance`, of
        guessing evenly; `accuracy/NAME` of each category, and `category_mean`, their plain mean.

    Raises:
        FaceLLMError: a letter that is no option of its question.
    """
    columns = {"predictions": predicted, "labels": gold, "options": options, "subjects": subjects}
    same_length(**columns)
    for letter, answer, choices in zip(predicted, gold, options, strict=True):
        for used in (answer, letter):
            if used is not None and used not in choices:
                raise FaceLLMError(f"{given(used)} is none of the options {', '.join(choices)}")
    clusters = Clusters(subjects)
    right = np.asarray([p == g for p, g in zip(predicted, gold, strict=True)], dtype=bool)
    read = np.asarray([p is not None for p in predicted], dtype=bool)
    found = {
        "accuracy": clusters.mean(right, share=True),
        "answered": clusters.mean(read, share=True),
        "accuracy_answered": clusters.mean(right, read, share=True),
        "chance": clusters.mean([1.0 / len(choices) for choices in options]),
    }
    if categories is None:
        return found
    same_length(labels=gold, categories=categories)
    return {**found, **_by_category(clusters, right, categories)}


def _by_category(clusters: Clusters, right: Bools, names: Sequence[str]) -> dict[str, Interval]:
    of_sample = np.asarray(names, dtype=object)
    order = list(dict.fromkeys(names))
    members = {name: np.asarray(of_sample == name, dtype=bool) for name in order}
    hot = np.column_stack([members[name] for name in order]).astype(np.float64)
    sums = clusters.sums(np.hstack([hot * right[:, None], hot]))
    k = len(order)
    each = ratio(sums[:, :k], sums[:, k:])
    return {
        "category_mean": clusters.interval(row_means(each)),
        **{
            f"accuracy/{n}": clusters.interval(each[:, i], members[n], share=True)
            for i, n in enumerate(order)
        },
    }
