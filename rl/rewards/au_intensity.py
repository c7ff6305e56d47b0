"""How near the stated intensities are to the labelled ones."""

from collections.abc import Sequence
from typing import Any

from facellm.core.facs import PRESENT
from facellm.tasks.units import intensity_agreement
from rl.rewards.stated import Place, asked, stated
from rl.rewards.truth import Completion, Rewards, known, text_of


def au_intensity(
    completions: Sequence[Completion],
    truth: Sequence[str],
    protocol: str = "rig23",
    over: Place = "both",
    **columns: Any,
) -> Rewards:
    """1 − Σ |stated − gold| / 5 over the units that either holds above 0, divided by their number.

    The intensity-aware form of `au_f1`, with its arguments and its None: a unit that is missed or
    made up costs its whole intensity, one that is off by a step a fifth of that. A unit without an
    intensity word counts as 2. What cannot be read gets 0.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        wanted = asked(row, protocol, over)
        said = stated(row, text_of(completion))
        if wanted is None:
            rewards.append(None)
        elif said is None:
            rewards.append(0.0)
        else:
            units = {n: PRESENT if value is None else value for n, value in said.units.items()}
            rewards.append(intensity_agreement(units, wanted.wanted, wanted.counted))
    return rewards
