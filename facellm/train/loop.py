"""What both stages share: schedule, optimiser, log, and checkpoints to resume from."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.train.recipe import Stage

Losses = dict[str, Tensor]
MAX_GRAD_NORM = 1.0


def run_stage(
    name: str,
    stage: Stage,
    folder: Path,
    modules: dict[str, nn.Module],
    step_losses: Callable[[int], Losses],
    weights: dict[str, float],
) -> None:
    """Minimise the weighted sum of the losses for `stage.max_steps` steps.

    Every `save_steps` the modules and the optimiser are saved under `folder`; a run that finds
    such a checkpoint goes on from it. `step_losses` gets the step's number, from which it must
    derive all its randomness, so that a resumed run sees what the killed one would have seen.

    Raises:
        FaceLLMError: a loss that is not finite; the last checkpoint is left as it is.
    """
    parameters = [p for m in modules.values() for p in m.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        _groups(parameters, stage.weight_decay), lr=stage.learning_rate, betas=(0.9, 0.98)
    )
    checkpoint = folder / f"{name}.pt"
    first = _resume(checkpoint, modules, optimiser)
    meter = Meter(name, folder / "log.jsonl")
    for step in range(first, stage.max_steps):
        for group in optimiser.param_groups:
            group["lr"] = stage.learning_rate * _schedule(step, stage)
        losses = step_losses(step)
        total = sum((weights[key] * value for key, value in losses.items()), torch.zeros(()))
        if not torch.isfinite(total):
            raise FaceLLMError(
                f"stage {name}: the loss is {float(total)} at step {step}; lower learning_rate and "
                f"start again, the run goes on from {checkpoint}"
            )
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, MAX_GRAD_NORM)
        optimiser.step()
        last = step + 1 == stage.max_steps
        meter.add(losses)
        if (step + 1) % stage.logging_steps == 0 or last:
            meter.write(step + 1)
        if (step + 1) % stage.save_steps == 0 or last:
            _save(checkpoint, step + 1, modules, optimiser)


class Meter:
    """Means of the losses between two lines of the run's log."""

    def __init__(self, stage: str, path: Path) -> None:
        self.stage, self.path = stage, path
        self._restart()

    def _restart(self) -> None:
        self.sums: dict[str, float] = {}
        self.count, self.started = 0, time.monotonic()

    def add(self, losses: Losses) -> None:
        """Count one step's losses."""
        self.count += 1
        for key, value in losses.items():
            self.sums[key] = self.sums.get(key, 0.0) + float(value.detach())

    def write(self, step: int) -> None:
        """Append a line of means and start over."""
        seconds = (time.monotonic() - self.started) / self.count
        row = {"stage": self.stage, "step": step, "seconds_per_step": round(seconds, 3)}
        row |= {f"train/{key}": round(value / self.count, 5) for key, value in self.sums.items()}
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)
        self._restart()


def _groups(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Decay matrices only: gates, slopes, norms and biases are scales, not features."""
    wide = [p for p in parameters if p.ndim > 1]
    flat = [p for p in parameters if p.ndim <= 1]
    return [{"params": wide, "weight_decay": weight_decay}, {"params": flat, "weight_decay": 0.0}]


def _schedule(step: int, stage: Stage) -> float:
    warmup = max(1, round(stage.warmup_ratio * stage.max_steps))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, stage.max_steps - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))


def _save(
    path: Path, step: int, modules: dict[str, nn.Module], optimiser: torch.optim.Optimizer
) -> None:
    state = {
        "step": step,
        "modules": {key: module.state_dict() for key, module in modules.items()},
        "optimiser": optimiser.state_dict(),
    }
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def _resume(path: Path, modules: dict[str, nn.Module], optimiser: torch.optim.Optimizer) -> int:
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    for key, module in modules.items():
        module.load_state_dict(state["modules"][key])
    optimiser.load_state_dict(state["optimiser"])
    print(f"resuming {path.stem} at step {state['step']}", flush=True)
    return int(state["step"])
