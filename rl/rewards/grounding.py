"""Whether each unit is stated in a region where it acts."""

from collections.abc import Sequence
from typing import Any

from facellm.core.evidence import Thought, region_fits
from rl.rewards.stated import evidence_share, has_evidence
from rl.rewards.truth import Completion, Rewards, known, text_of


def grounding(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """Share of the stated units whose every region fits by FACS (`cheeks: … (AU6)`).

    By unit: one that is stated in many regions must fit in all of them, and counts once.
    Without any statement 1 where the labels show nothing to state, else 0; what cannot be read gets
    0. None: the task states no evidence, or no unit is labelled.
    """
    return [
        evidence_share(row, text_of(completion), _fitting) if has_evidence(row) else None
        for completion, row in zip(completions, map(known, truth), strict=True)
    ]


def _fitting(thought: Thought) -> float:
    astray = {s.action_unit for s in thought.statements if not region_fits(s)}
    return 1.0 - len(astray) / len(thought.units)
