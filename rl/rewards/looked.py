"""Whether the model looked where the units it states act: read-out attention against the regions.

Only for runs that train the region encoder. Where it rests, where a picture is looked at does not
change, and the reward can only choose which units are said. Even where it learns, an answer is what
is reinforced, not a look: what is paid is to state what was looked at.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from facellm.core.evidence import Thought
from rl.rewards.stated import evidence_share, has_evidence
from rl.rewards.truth import Completion, Known, Rewards, known, text_of


def looked(
    completions: Sequence[Completion],
    truth: Sequence[str],
    threshold: float = 0.5,
    looks: Sequence[Mapping[int, float]] | None = None,
    **columns: Any,
) -> Rewards:
    """Share of the stated units whose regions drew `threshold` of their own attention.

    A unit's attention is that of the region tokens of the regions it acts in; it counts as looked
    at where this share of it lies inside the union of these regions' masks. Without any statement
    1 where the labels show nothing to state, else 0; what cannot be read gets 0. None: the task
    states no evidence, no unit is labelled, or nobody has said where the model looked.

    Args:
        completions: (B,) completions.
        truth: (B,) rows, see `rl.rewards.truth`.
        threshold: share of the attention, in [0, 1].
        looks: (B,) unit → share of its attention inside its regions, see `rl.looks`.
        **columns: unused.
    """
    if looks is None:
        return [None] * len(completions)
    return [
        _share(known(row), text_of(completion), own, threshold)
        for completion, row, own in zip(completions, truth, looks, strict=True)
    ]


def _share(row: Known, text: str, looks: Mapping[int, float], threshold: float) -> float | None:
    if not has_evidence(row):
        return None

    def seen(thought: Thought) -> float:
        looked_at = sum(looks.get(unit, 0.0) >= threshold for unit in thought.units)
        return looked_at / len(thought.units)

    return evidence_share(row, text, seen)
