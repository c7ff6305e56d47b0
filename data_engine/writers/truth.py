"""Gold answers as JSON in a row, and back as the answers that tasks score."""

from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel

from facellm.core.sample import FaceLabels
from facellm.tasks import TASKS
from facellm.tasks.response import Unanswerable

USES: dict[str, tuple[str, ...]] = {
    "expression": ("emotion",),
    "action_units": ("action_units",),
    "region_question": ("action_units",),
    "reasoning": ("emotion", "action_units"),
    "caption": ("emotion", "action_units", "pose"),
    "valence_arousal": ("valence", "arousal"),
    "head_pose": ("pose",),
    "attributes": ("attributes",),
    "age": ("age",),
    "quality": ("quality",),
    "authenticity": ("authentic",),
    "gaze": ("gaze",),
    "emotion40": ("expression",),
    "compound_expression": ("expression",),
    "open_emotion": ("expression", "emotion"),
}
"""The labels that the answer of a task rests on; a task that is not named may use all."""


def truth_of(answer: BaseModel) -> dict[str, Any]:
    """The gold answer as JSON, fields at their defaults left out; `gold_of` reads it back."""
    if isinstance(answer, Unanswerable):
        return {"face": answer.face, "count": answer.count}
    truth = answer.model_dump(mode="json", exclude_defaults=True)
    if "pose" in truth:
        truth["pose"] = sorted(truth["pose"])  # a set's order differs between processes
    return truth


@cache
def _answer_of(task: str) -> Any:
    return get_type_hints(type(TASKS[task]).compare)["gold"]


def gold_of(task: str, truth: dict[str, Any]) -> Any:
    """The gold answer that `TASKS[task].score` takes, from the truth of a row or of a turn."""
    if set(truth) == {"face", "count"}:
        return Unanswerable.model_validate(truth)
    return _answer_of(task).model_validate(truth)


def is_weak(labels: FaceLabels, *fields: str) -> bool:
    """Whether any of the named fields of these labels was estimated by a tool."""
    return not labels.weak.isdisjoint(fields)


def weak_for(task: str, labels: FaceLabels) -> bool:
    """Whether the answer of a task about this face rests on labels that a tool estimated."""
    return is_weak(labels, *USES[task]) if task in USES else bool(labels.weak)
