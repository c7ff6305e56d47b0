"""How little of the stated evidence is made up."""

from collections.abc import Sequence
from typing import Any

from eval.faithfulness import TOLERANCE
from rl.rewards.stated import evidence, has_evidence, silence
from rl.rewards.truth import Completion, Rewards, known, text_of


def hallucination(
    completions: Sequence[Completion], truth: Sequence[str], **columns: Any
) -> Rewards:
    """1 − |H| / |P|: P the stated units that are labelled, H those labelled below intensity 1.

    This is 1 − the evaluation's `hallucinated`, which leaves out answers without evidence; they get
    1 where the labels show nothing to state, else 0, or silence would be the surest way to be paid.
    What cannot be read gets 0. None: the task states no evidence, or no unit is labelled.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        labels = row.truth.labels.action_units
        if labels is None or not has_evidence(row):
            rewards.append(None)
            continue
        thought = evidence(row, text_of(completion))
        if thought is None:
            rewards.append(0.0)
            continue
        rated = [n for n in thought.units if n in labels]
        if not thought.statements:
            rewards.append(silence(row))
            continue
        made_up = sum(labels[n] < TOLERANCE for n in rated)
        rewards.append(1.0 - made_up / len(rated) if rated else 1.0)
    return rewards
