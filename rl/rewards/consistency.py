"""Whether the stated evidence supports the stated expression, whatever the labels say."""

import re
from collections.abc import Sequence
from typing import Any

from eval.faithfulness import supported
from facellm.core.emotions import EMOTIONS
from facellm.core.read_prose import negated
from facellm.tasks.reasoning import ReasoningAnswer
from rl.rewards.truth import Completion, Rewards, known, parsed, text_of

_UNIT = re.compile(r"\bAU([0-9]{1,2})\b")
_EMOTION = re.compile(rf"\b({'|'.join(EMOTIONS)})\b")


def consistency(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """1 where evidence, conclusion and answer agree, else 0; the labels are not looked at.

    The evidence agrees where the metric `supported` of the evaluation holds (EMFACS prototypes
    with their variants and usual company); the closing line of the think block may name only units
    that are stated and no expression but the answer's, and denies nothing but that there is an
    emotion. None: the task states no evidence, or the labels themselves do not agree by this rule,
    so that being right would be punished.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        if not (isinstance(row.gold, ReasoningAnswer) and _agrees(row.gold)):
            rewards.append(None)
            continue
        answer = parsed(row.truth.task, text_of(completion))
        rewards.append(float(isinstance(answer, ReasoningAnswer) and _agrees(answer)))
    return rewards


def _agrees(answer: ReasoningAnswer) -> bool:
    if answer.thought is None or not supported(answer):
        return False
    closing = answer.thought.conclusion
    if negated(closing) and answer.emotion != "neutral":
        return False
    cited = {int(number) for number in _UNIT.findall(closing)}
    named = set(_EMOTION.findall(closing.lower()))
    return cited <= answer.thought.units.keys() and named <= {answer.emotion}
