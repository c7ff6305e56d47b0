"""Scoring for other runners: gold as JSON and an answer as text in, the tasks' own numbers out."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from eval.foreign import read_foreign
from eval.question import Question
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Record
from facellm.tasks import TASKS
from facellm.tasks.action_units import ActionUnitsAnswer
from facellm.tasks.age import AgeAnswer
from facellm.tasks.attributes import AttributesAnswer
from facellm.tasks.authenticity import AuthenticityAnswer
from facellm.tasks.base import Scored
from facellm.tasks.caption import CaptionAnswer
from facellm.tasks.categories import CompoundAnswer, Emotion40Answer
from facellm.tasks.comparison import ComparisonAnswer
from facellm.tasks.dynamics import DynamicsAnswer
from facellm.tasks.expression import ExpressionAnswer
from facellm.tasks.gaze import GazeAnswer
from facellm.tasks.head_pose import HeadPoseAnswer
from facellm.tasks.open_emotion import OpenEmotionAnswer
from facellm.tasks.quality import QualityAnswer
from facellm.tasks.reasoning import ReasoningAnswer
from facellm.tasks.region_question import RegionAnswer
from facellm.tasks.response import Unanswerable
from facellm.tasks.valence_arousal import ValenceArousalAnswer

RECORDS: dict[str, type[Record]] = {
    "expression": ExpressionAnswer,
    "action_units": ActionUnitsAnswer,
    "reasoning": ReasoningAnswer,
    "caption": CaptionAnswer,
    "region_question": RegionAnswer,
    "valence_arousal": ValenceArousalAnswer,
    "head_pose": HeadPoseAnswer,
    "attributes": AttributesAnswer,
    "age": AgeAnswer,
    "quality": QualityAnswer,
    "authenticity": AuthenticityAnswer,
    "gaze": GazeAnswer,
    "emotion40": Emotion40Answer,
    "compound_expression": CompoundAnswer,
    "open_emotion": OpenEmotionAnswer,
    "comparison": ComparisonAnswer,
    "dynamics": DynamicsAnswer,
}
"""Task → what its gold answers are."""


def gold_text(question: Question) -> str:
    """The gold as JSON that `scored` reads back."""
    kind = "missing" if isinstance(question.gold, Unanswerable) else "answer"
    return json.dumps({kind: json.loads(question.gold_json)})


def scored(task_name: str, gold: str, text: str, subject: str) -> Scored[Any]:
    """Read and score one answer.

    Args:
        task_name: a task of `facellm.tasks`.
        gold: what `gold_text` wrote.
        text: the answer as a model wrote it.
        subject: whom the picture shows.

    Raises:
        FaceLLMError: an unknown task, or text that is no gold.
    """
    if task_name not in RECORDS:
        raise FaceLLMError(f"{given(task_name)} is no task; expected one of {', '.join(RECORDS)}")
    try:
        value = json.loads(gold)
        kind = Unanswerable if "missing" in value else RECORDS[task_name]
        target = kind.model_validate_json(json.dumps(next(iter(value.values()))))
    except (ValueError, StopIteration, TypeError, AttributeError):
        raise FaceLLMError(f"{given(gold)} is no gold answer of {task_name}") from None
    prediction = read_foreign(task_name, text)
    return Scored(prediction, target, TASKS[task_name].score(prediction, target), subject)


def numbers(task_name: str, rows: Sequence[Mapping[str, str]]) -> dict[str, float | None]:
    """The task's metrics over rows of `gold`, `text` and `subject`; values without intervals."""
    known = [scored(task_name, row["gold"], row["text"], row["subject"]) for row in rows]
    return {name: interval.value for name, interval in TASKS[task_name].metrics(known).items()}


def headline(task_name: str) -> tuple[str, ...]:
    """The names of a task's metrics over everything, such as `accuracy` but not `f1/AU12`."""
    return tuple(name for name in TASKS[task_name].metrics([]) if "/" not in name)
