"""Whether a completion says things once."""

from collections.abc import Sequence
from typing import Any

from rl.rewards.truth import Completion, Rewards, text_of


def repetition(completions: Sequence[Completion], n: int = 5, **columns: Any) -> Rewards:
    """Different word n-grams over all word n-grams; 1 for shorter texts, 0 for none. Never None."""
    return [_share(text_of(completion).split(), n) for completion in completions]


def _share(words: list[str], n: int) -> float:
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    if not grams:
        return float(bool(words))
    return len(set(grams)) / len(grams)
