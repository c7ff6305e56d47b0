"""Whether the named expression is the labelled one."""

from collections.abc import Sequence
from typing import Any

from facellm.tasks import TASKS
from rl.rewards.truth import Completion, Rewards, known, parsed, text_of

PART = "emotion"
"""What the tasks that name an expression call this part of their score."""


def expression(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """The part `emotion` of the task's score: 1 for the labelled expression, else 0.

    None: the task names no expression, or none is labelled.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        task = TASKS[row.truth.task]
        scored = PART in task.score(row.gold, row.gold).parts
        answer = parsed(row.truth.task, text_of(completion))
        rewards.append(task.score(answer, row.gold).parts.get(PART) if scored else None)
    return rewards
