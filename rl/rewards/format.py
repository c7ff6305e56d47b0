"""Whether a completion is in the answer grammar, strictly."""

from collections.abc import Sequence
from typing import Any

from facellm.core.grammar import TAGS, Response, parse_response
from facellm.tasks.response import Unanswerable
from rl.rewards.truth import Completion, Known, Rewards, fails, known, parsed, text_of


def grammar(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """1 for a completion with the blocks of the gold answer and nothing else, else 0.

    The blocks are read by the strict parser (one of each, not nested, nothing around them, no empty
    think block, no key twice), the answer by the task. Where the gold states evidence, a think
    block must state some, or its form would be paid for alone. Never None.
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
    wanted = parse_response(gold)
    assert isinstance(wanted, Response), "gold is in the grammar"
    if not isinstance(response, Response) or (response.thought is None) != (wanted.thought is None):
        return False
    if response.thought is None or wanted.thought is None:
        return True
    return bool(response.thought.statements) or not wanted.thought.statements
