"""The task's own score: works for every task, and is what benchmarks report."""

from collections.abc import Sequence
from typing import Any

from facellm.tasks import TASKS
from rl.rewards.truth import Completion, Rewards, known, parsed, text_of


def score(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """`Task.score` of each completion against its row's gold answer, in [0, 1].

    None where the task leaves the gold unscored.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        answer = parsed(row.truth.task, text_of(completion))
        rewards.append(TASKS[row.truth.task].score(answer, row.gold).value)
    return rewards
