"""The reward on prompts that are not trained on, as the run goes.

A schedule that prefers hard prompts lowers the reward it trains on by doing so. Only a fixed set of
prompts, the same in every run, tells which run has learned more.
"""

import json
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import TrainerCallback

from rl.prompts import Prompts
from rl.recipe import Recipe
from rl.watch import STAGE
from rl.watched import WatchedTrainer

SEED = 20_000
"""Of the prompts, whatever the seed of the run."""


class HeldOutReward(TrainerCallback):
    """Writes `held_out`, the mean weighted sum, and `rollouts` so far to the log."""

    def __init__(self, trainer: WatchedTrainer, recipe: Recipe, per_round: int) -> None:
        self.trainer, self.recipe = trainer, recipe
        self.rollouts = per_round * recipe.num_generations
        """Answers drawn for training in a round."""
        plain = recipe.model_copy(update={"seed": SEED, "pool": None})
        self.rows = Prompts(plain, recipe.held_out.prompts, "test")
        self.log = recipe.output_dir / "log.jsonl"

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 0:
            self._measure(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        step = state.global_step
        if step % self.recipe.held_out.every == 0 or step == state.max_steps:
            self._measure(step)

    def _measure(self, step: int) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(step)
            reward = self.reward()
        if not self.trainer.is_world_process_zero():
            return
        rounds = -(-step // self.recipe.num_iterations)
        row = {"stage": STAGE, "step": step, "held_out": reward, "rollouts": rounds * self.rollouts}
        with self.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        print(f"step {step}: reward {reward:.4f} on {len(self.rows)} held-out prompts", flush=True)

    def reward(self) -> float:
        """Mean weighted sum of one sampled answer to each held-out prompt."""
        accelerator = self.trainer.accelerator
        own = -(-len(self.rows) // accelerator.num_processes)  # all ask alike; some twice
        first = accelerator.process_index * own
        numbers = [(first + i) % len(self.rows) for i in range(own)]
        size = self.recipe.per_device_train_batch_size
        totals: list[float] = []
        for start in range(0, own, size):
            rows = [self.rows[n] for n in numbers[start : start + size]]
            completions, ids = self.trainer.answers(rows)
            truth = [row["truth"] for row in rows]
            given = self.recipe.rubric.totals(completions, truth=truth, completion_ids=ids)
            totals += [0.0 if total is None else total for total in given]
        together = gather_object(totals)[: len(self.rows)]
        return float(sum(together) / len(together))
