"""Whether a completion is in the answer grammar, strictly."""

from collections.abc import Sequence
from typing import Any

from facellm.core.grammar import TAGS, Response, parse_response
from facellm.tasks.response import Unanswerable
from rl.rewards.truth import Completion, Known, Rewards, fails, known, parsed, text_of


def grammar(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """1 for a completion with the blocks of the gold answer and nothing else, else 0.

    The blocks are read by the strict parser (one of each, not nested, nothing around them, no empty
    think block, no key twice), the answer by the task. Never None.
    """
    return [
        float(_fits(known(text), text_of(completion)))
        for completion, text in zip(completions, truth, strict=True)
    ]


def _fits(row: Known, text: str) -> bool:
    answer = parsed(row.truth.task, text)
    if fails(answer) and not (isinstance(answer, Unanswerable) and fails(row.gold)):
        return False
    gold = row.exchange.text
    if TAGS[2] not in gold:
        return not any(tag in text for tag in TAGS)
    response = parse_response(text)
    return isinstance(response, Response) and (response.thought is not None) == (TAGS[0] in gold)
