"""Whether each unit is stated in a region where it acts."""

from collections.abc import Sequence
from typing import Any

from facellm.core.evidence import Thought, region_fits
from rl.rewards.stated import evidence, has_evidence
from rl.rewards.truth import Completion, Rewards, known, text_of


def grounding(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """Share of the stated units whose every region fits by FACS (`cheeks: … (AU6)`).

    By unit: one that is stated in many regions must fit in all of them, and counts once.
    Without any statement 1 where the labels show nothing to state, else 0; what cannot be read gets
    0. None: the task states no evidence, or no unit is labelled.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        if not has_evidence(row):
            rewards.append(None)
            continue
        gold = evidence(row, row.exchange.text)
        empty = float(gold is not None and not gold.statements)
        rewards.append(_share(evidence(row, text_of(completion)), empty))
    return rewards


def _share(thought: Thought | None, empty: float) -> float:
    if thought is None:
        return 0.0
    astray = {s.action_unit for s in thought.statements if not region_fits(s)}
    return 1.0 - len(astray) / len(thought.units) if thought.units else empty
