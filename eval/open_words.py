"""The measures of MER-UniBench for open emotion words, on wheels that the user supplies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.metrics.open_vocabulary import hit_rate, read_wheels, wheel_sets
from eval.question import Question
from facellm.core.statistics import Interval
from facellm.tasks.base import Scored
from facellm.tasks.open_emotion import OpenEmotionAnswer


def wheel_metrics(
    path: Path, questions: Sequence[Question], scored: Sequence[Scored[Any] | None]
) -> dict[str, Interval]:
    """The numbers of `wheel_sets` over all answers, and of `hit_rate` over those with one label.

    Args:
        path: the wheels, as `eval.metrics.open_vocabulary` describes the file.
        questions: of the task `open_emotion`.
        scored: their answers; None where none came.
    """
    wheels = read_wheels(path)
    rows = [
        (_words(one.prediction), question.gold.emotions, question.subject_id)
        for question, one in zip(questions, scored, strict=True)
        if one is not None and isinstance(question.gold, OpenEmotionAnswer)
    ]
    sets = wheel_sets(
        [p for p, _, _ in rows], [g for _, g, _ in rows], [s for *_, s in rows], wheels
    )
    single = [row for row in rows if len(row[1]) == 1]
    hits = hit_rate(
        [p for p, _, _ in single], [g[0] for _, g, _ in single], [s for *_, s in single], wheels
    )
    return {**sets, "hit": hits["hit"], "words": hits["words"]}


def _words(prediction: object) -> tuple[str, ...] | None:
    return prediction.emotions if isinstance(prediction, OpenEmotionAnswer) else None
