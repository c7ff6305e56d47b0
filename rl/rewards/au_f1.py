"""F1 of the stated action units under a named protocol."""

from collections.abc import Sequence
from typing import Any

from facellm.core.agreement import set_f1
from facellm.core.facs import PROTOCOLS
from rl.rewards.stated import Asked, Place, Stated, asked, stated
from rl.rewards.truth import Completion, Rewards, known, text_of


def au_f1(
    completions: Sequence[Completion],
    truth: Sequence[str],
    protocol: str = "rig23",
    over: Place = "both",
    **columns: Any,
) -> Rewards:
    """2·|P ∩ G| / (|P| + |G| + |G ∩ A|), 1 where all three are empty.

    P are the protocol's labelled units that the completion states at its threshold or above (a
    unit without an intensity word counts), G those that the gold answer states, A those that the
    completion calls absent: denying a unit that acts is one more error, and a unit called absent is
    never a hit. What cannot be read gets 0. None: no unit of the protocol is labelled, or the task
    states none.

    Args:
        completions: (B,) completions.
        truth: (B,) rows, see `rl.rewards.truth`.
        protocol: name in `facellm.core.facs.PROTOCOLS`.
        over: count units of the evidence, of the answer, or of both.
        **columns: unused.
    """
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        wanted = asked(row, protocol, over)
        said = stated(row, text_of(completion))
        rewards.append(None if wanted is None else _f1(said, wanted, protocol))
    return rewards


def _f1(said: Stated | None, wanted: Asked, protocol: str) -> float:
    if said is None:
        return 0.0
    at = PROTOCOLS[protocol].present_at
    gold = {n for n, value in wanted.wanted.items() if value >= at}
    claimed = {n for n, v in said.units.items() if n in wanted.counted and (v is None or v >= at)}
    return set_f1(claimed, gold, errors=len(gold & said.absent))
