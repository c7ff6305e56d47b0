"""How little of the stated evidence is made up."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from eval.faithfulness import TOLERANCE
from facellm.core.evidence import Thought
from rl.rewards.stated import evidence_share, has_evidence
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
        there = partial(_there, labels)
        rewards.append(evidence_share(row, text_of(completion), there))
    return rewards


def _there(labels: Mapping[int, float], thought: Thought) -> float:
    rated = [n for n in thought.units if n in labels]
    made_up = sum(labels[n] < TOLERANCE for n in rated)
    return 1.0 - made_up / len(rated) if rated else 1.0
