"""Whether a completion is of a reasonable length."""

from collections.abc import Sequence
from typing import Any

from rl.rewards.truth import Completion, Rewards


def length(
    completions: Sequence[Completion],
    completion_ids: Sequence[Sequence[int]],
    free: int = 160,
    limit: int = 240,
    **columns: Any,
) -> Rewards:
    """1 up to `free` tokens, 0 from `limit`, linear in between; never None.

    It never rewards a longer text (after DAPO's soft overlong punishment, Yu et al., 2025, eq. 13).
    """
    spread = max(1, limit - free)
    return [min(1.0, max(0.0, (limit - len(ids)) / spread)) for ids in completion_ids]
