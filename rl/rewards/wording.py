"""Whether the evidence says in words what its codes say."""

from collections.abc import Sequence
from typing import Any

from facellm.core.evidence import Thought, state
from facellm.tasks.reasoning import ReasoningAnswer
from rl.rewards.stated import evidence_share, has_evidence
from rl.rewards.truth import Completion, Known, Rewards, known, text_of


def wording(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """The share of the statements that are in the words of the FACS table, as gold answers are.

    Other rewards read the codes alone, so that words between them get lost without a cost:
    `raised towards the (AU6, slight)`. Answers without evidence get 1 where the labels show
    nothing to state, else 0; what cannot be read gets 0. None: the task states no evidence in
    these words (`caption` is free prose), or no unit is labelled.
    """
    return [
        evidence_share(row, text_of(completion), _said) if _worded(row) else None
        for completion, row in zip(completions, map(known, truth), strict=True)
    ]


def _worded(row: Known) -> bool:
    return isinstance(row.gold, ReasoningAnswer) and has_evidence(row)


def _said(thought: Thought) -> float:
    said = [s.text == state(s.action_unit).text for s in thought.statements]
    return sum(said) / len(said)
