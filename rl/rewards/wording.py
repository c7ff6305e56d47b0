"""Whether the evidence says in words what its codes say."""

from collections.abc import Sequence
from typing import Any

from facellm.core.evidence import state
from facellm.tasks.reasoning import ReasoningAnswer
from rl.rewards.stated import evidence, has_evidence, silence
from rl.rewards.truth import Completion, Rewards, known, text_of


def wording(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """The share of the statements that are in the words of the FACS table, as gold answers are.

    Other rewards read the codes alone, so that words between them get lost without a cost:
    `raised towards the (AU6, slight)`. Answers without evidence get 1 where the labels show
    nothing to state, else 0; what cannot be read gets 0. None: the task states no evidence in
    these words (`caption` is free prose), or no unit is labelled.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        if not isinstance(row.gold, ReasoningAnswer) or not has_evidence(row):
            rewards.append(None)
            continue
        thought = evidence(row, text_of(completion))
        if thought is None:
            rewards.append(0.0)
            continue
        if not thought.statements:
            rewards.append(silence(row))
            continue
        said = [s.text == state(s.action_unit).text for s in thought.statements]
        rewards.append(sum(said) / len(said))
    return rewards
