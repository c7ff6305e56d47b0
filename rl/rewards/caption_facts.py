"""How many of the labelled facts a caption states, and how few others."""

from collections.abc import Sequence
from typing import Any

from facellm.tasks import TASKS
from facellm.tasks.caption import CaptionAnswer
from rl.rewards.truth import Completion, Rewards, known, parsed, text_of


def caption_facts(
    completions: Sequence[Completion], truth: Sequence[str], **columns: Any
) -> Rewards:
    """The caption task's score: the mean of its labelled facts' parts, read from the sentences.

    `emotion` is 1 for the labelled one, `units` the F1 of the stated units. Wording, length and
    fluency are not looked at. None: the task is not `caption`.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        if not isinstance(row.gold, CaptionAnswer):
            rewards.append(None)
            continue
        answer = parsed(row.truth.task, text_of(completion))
        rewards.append(TASKS[row.truth.task].score(answer, row.gold).value)
    return rewards
