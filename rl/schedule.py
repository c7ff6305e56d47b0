"""Which prompts are asked next: those whose answers still differ, before those that teach nothing.

After DE-GRPO of FaVChat (arXiv 2503.09158: utility estimates and a life cycle of prompts, formulas
unpublished). A pool of N prompts is asked P at a time; a prompt's G answers get rewards x in [0, 1]
(the weighted sum over the weights that are scored). At its k-th visit, in round t, with
m = mean x and s = 2·std x,

    progress     D ← D + ½(|m − M| − D)   from the second visit on; D = D̄ before
    mean         M ← M + ½(m − M)         M = m at the first
    spread       S ← S + ½(s − S)         S = s at the first
    uncertainty  V = 1 − ½^((t − t_last)/H),  H = N/P rounds;  1 for a prompt never asked
    utility      U = (1 − V)·(S + D) + V·(S̄ + D̄ + c)

with S̄, D̄ the means over the prompts asked so far (1 and 0 before any) and c = 0.1: an old estimate
is worth what prompts are worth in general, and looking again is worth something in itself. The
advantage of an answer is 0 where s is, so a visit with s < 0.02 retires its prompt, as solved
(M ≥ ½) or hopeless, for H·2^j rounds, j = 0 at first and one more at every retirement in a row up
to 3; after that it counts as never asked. The P prompts of a round are drawn without replacement
with probability

    p ∝ (1 − ε)·U^2 / ΣU^2 + ε / awake,   ε = 0.1,

from those awake, the soonest to wake beside them where they are too few. All of it follows from
(seed, t) and the gathered rewards, so it is equal in all processes, and a checkpoint keeps it.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facellm.core.errors import FaceLLMError

Floats = NDArray[np.float64]
RATE = 0.5
CURIOSITY = 0.1
SHARPNESS = 2.0
UNIFORM = 0.1
FLAT = 0.02
"""Spread under which all answers got as good as the same."""
LONGEST = 3
"""Doublings of a retirement at most."""
STATE_FILE = "schedule.json"
"""The state's file in a checkpoint."""
STATE = ("visits", "mean", "spread", "progress", "last", "wakes", "naps")


class Schedule:
    """The state of every prompt of a pool; `draw` and `learn` once a round."""

    def __init__(self, pool: int, per_round: int, seed: int) -> None:
        self.pool, self.per_round, self.seed = pool, per_round, seed
        self.half_life = max(1.0, pool / per_round)
        self.visits = np.zeros(pool, np.int64)
        self.mean, self.spread, self.progress = (np.zeros(pool) for _ in range(3))
        self.last = np.zeros(pool, np.int64)
        self.wakes = np.zeros(pool, np.int64)
        """Round from which a prompt may be drawn."""
        self.naps = np.zeros(pool, np.int64)
        """Retirements in a row."""

    def utility(self, t: int) -> Floats:
        """U of every prompt in round t, awake or not."""
        asked = self.visits > 0
        fresh = ~asked | ((self.naps > 0) & (self.wakes <= t))
        mean_spread = float(self.spread[asked].mean()) if asked.any() else 1.0
        again = self.visits > 1
        mean_progress = float(self.progress[again].mean()) if again.any() else 0.0
        unsure = np.where(fresh, 1.0, 1.0 - 0.5 ** ((t - self.last) / self.half_life))
        own = self.spread + np.where(again, self.progress, mean_progress)
        found: Floats = (1 - unsure) * own + unsure * (mean_spread + mean_progress + CURIOSITY)
        return found

    def draw(self, t: int) -> list[int]:
        """The prompts of round t, each once."""
        awake = np.flatnonzero(self.wakes <= t)
        missing = self.per_round - len(awake)
        if missing > 0:
            asleep = np.flatnonzero(self.wakes > t)
            soonest = asleep[np.argsort(self.wakes[asleep], kind="stable")[:missing]]
            awake = np.concatenate([awake, soonest])
        weights = np.maximum(self.utility(t)[awake], 1e-9) ** SHARPNESS
        chances = (1 - UNIFORM) * weights / weights.sum() + UNIFORM / len(awake)
        rng = np.random.default_rng([self.seed, t])
        drawn: list[int] = rng.choice(
            awake, self.per_round, replace=False, p=chances / chances.sum()
        ).tolist()
        return drawn

    def learn(self, t: int, drawn: list[int], rewards: Floats) -> None:
        """Take in what a round's answers got.

        Args:
            t: the round.
            drawn: its P prompts.
            rewards: (P, G) in [0, 1]; rows of NaN, where nothing was scored, are no visit.
        """
        for prompt, got in zip(drawn, np.asarray(rewards, np.float64), strict=True):
            if np.isnan(got).any():
                continue
            mean, spread = float(got.mean()), float(2.0 * got.std())
            first = self.visits[prompt] == 0
            if not first:
                moved = abs(mean - self.mean[prompt])
                known = self.progress[prompt] if self.visits[prompt] > 1 else moved
                self.progress[prompt] = known + RATE * (moved - known)
            for kept, value in ((self.mean, mean), (self.spread, spread)):
                kept[prompt] = value if first else kept[prompt] + RATE * (value - kept[prompt])
            self.visits[prompt] += 1
            self.last[prompt] = t
            flat = spread < FLAT
            self.naps[prompt] = self.naps[prompt] + 1 if flat else 0
            if flat:
                longer = 2 ** (min(int(self.naps[prompt]), LONGEST + 1) - 1)
                self.wakes[prompt] = t + 1 + round(self.half_life * longer)

    def numbers(self, t: int) -> dict[str, float]:
        """Shares of the pool: `asked` so far, `solved` and `hopeless` (retired now)."""
        asleep = self.wakes > t
        high = self.mean >= 0.5
        return {
            "schedule/asked": float((self.visits > 0).mean()),
            "schedule/solved": float((asleep & high).mean()),
            "schedule/hopeless": float((asleep & ~high).mean()),
        }

    def save(self, path: Path) -> None:
        """Write the state as JSON."""
        state = {name: getattr(self, name).tolist() for name in STATE}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(state), encoding="utf-8")
        part.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a written state.

        Raises:
            FaceLLMError: there is none, or it is of another pool.
        """
        if not path.is_file():
            raise FaceLLMError(
                f"no {path.name} in checkpoint {path.parent}; delete this checkpoint to go on from "
                "the one before it"
            )
        state = json.loads(path.read_text(encoding="utf-8"))
        if len(state["visits"]) != self.pool:
            raise FaceLLMError(f"{path} is of {len(state['visits'])} prompts, not of {self.pool}")
        for name in STATE:
            own = getattr(self, name)
            setattr(self, name, np.array(state[name], own.dtype))
