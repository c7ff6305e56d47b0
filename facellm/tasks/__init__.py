"""The tasks: what facellm can be asked about a face, one file each.

A new task is one new file, one new test and one line here.
"""

from typing import Any

from facellm.tasks.action_units import ActionUnitsTask
from facellm.tasks.age import AgeTask
from facellm.tasks.attributes import AttributesTask
from facellm.tasks.authenticity import AuthenticityTask
from facellm.tasks.base import Task
from facellm.tasks.caption import CaptionTask
from facellm.tasks.categories import CompoundTask, Emotion40Task
from facellm.tasks.comparison import ComparisonTask
from facellm.tasks.dynamics import DynamicsTask
from facellm.tasks.expression import ExpressionTask
from facellm.tasks.gaze import GazeTask
from facellm.tasks.head_pose import HeadPoseTask
from facellm.tasks.open_emotion import OpenEmotionTask
from facellm.tasks.quality import QualityTask
from facellm.tasks.reasoning import ReasoningTask
from facellm.tasks.region_question import RegionQuestionTask
from facellm.tasks.valence_arousal import ValenceArousalTask

TASKS: dict[str, Task[Any]] = {
    "expression": ExpressionTask(),
    "action_units": ActionUnitsTask(),
    "reasoning": ReasoningTask(),
    "caption": CaptionTask(),
    "region_question": RegionQuestionTask(),
    "valence_arousal": ValenceArousalTask(),
    "head_pose": HeadPoseTask(),
    "attributes": AttributesTask(),
    "age": AgeTask(),
    "quality": QualityTask(),
    "authenticity": AuthenticityTask(),
    "gaze": GazeTask(),
    "emotion40": Emotion40Task(),
    "compound_expression": CompoundTask(),
    "open_emotion": OpenEmotionTask(),
    "comparison": ComparisonTask(),
    "dynamics": DynamicsTask(),
}
"""Task name → task."""

__all__ = ["TASKS", "Task"]
