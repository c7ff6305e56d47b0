"""The loop of a stage: schedule, micro-batches, log and checkpoints, in one process or many.

    batch(step, k) ─► module ─► losses ─► gradients' mean over the step's micro-batches ─► update

A step has `gradient_accumulation_steps` × processes micro-batches, numbered k; all randomness of
one comes from (seed, step, k). So a resumed run sees what the killed one would have seen, and two
processes learn what one learns that accumulates twice as often.
"""

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import dump
from facellm.train.checkpoint import Checkpoint, writing
from facellm.train.engine import Engine
from facellm.train.log import Meter, draw_curves, forget_after
from facellm.train.parts import freeze
from facellm.train.recipe import Recipe, Stage

LOWEST = 0.02
"""Share of the learning rate that a decaying schedule ends at."""


@dataclass(frozen=True)
class Batch:
    """One micro-batch."""

    inputs: dict[str, Any]
    """Keyword arguments of the module's forward, which returns a dict of losses."""
    samples: int
    tokens: int = 0
    """Tokens that are not padding."""
    scored: int = 0
    """Tokens the losses are summed over; 0 where they are means already."""


class Objective(Protocol):
    """What a stage minimises."""

    module: nn.Module
    weights: dict[str, float]
    """Of the losses."""

    def batch(self, step: int, index: int, count: int) -> Batch:
        """Micro-batch `index` of the `count` that make a step; always the same one."""
        ...


def run_stage(objective: Objective, recipe: Recipe, stage: Stage, offset: int = 0) -> Engine:
    """Train for `stage.max_steps` steps, from the last checkpoint if there is one.

    Args:
        objective: what to minimise.
        recipe: output folder, precision, processes.
        stage: schedule and sizes.
        offset: steps of earlier stages, for trackers.

    Raises:
        FaceLLMError: a loss that is not finite, or a full disk; the last checkpoint stays as it is.
    """
    freeze(objective.module, stage)
    engine = Engine(recipe, stage, objective.module)
    checkpoint = Checkpoint(recipe.output_dir, stage.name)
    log = recipe.output_dir / "log.jsonl"
    meter = Meter(stage.name, log)
    first = checkpoint.resume(engine, meter)
    if engine.is_main:
        forget_after(log, stage.name, first)
    engine.accelerator.init_trackers("facellm", {"recipe": dump(recipe)})
    totals = {"samples": 0.0, "tokens": 0.0}
    for step, batches in _feed(objective, engine, first, stage):
        engine.set_rate(schedule(step, stage))
        values = _step(objective, engine, stage, step, batches, recipe.seed, checkpoint.path)
        meter.add(values)
        totals["samples"] += sum(batch.samples for batch in batches)
        totals["tokens"] += sum(batch.tokens for batch in batches)
        last = step + 1 == stage.max_steps
        if (step + 1) % stage.logging_steps == 0 or last:
            _log(engine, meter, step + 1, totals, offset, stage)
        if (step + 1) % stage.save_steps == 0 and not last:
            checkpoint.save(step + 1, engine, meter)
    checkpoint.finish(stage.max_steps, engine)
    if engine.is_main:
        curves = recipe.output_dir / "curves.png"
        with writing("curves", curves.with_suffix(".part.png")):
            draw_curves(log, curves)
    for tracker in engine.accelerator.trackers:
        tracker.finish()
    return engine


def _step(
    objective: Objective,
    engine: Engine,
    stage: Stage,
    step: int,
    batches: list[Batch],
    seed: int,
    checkpoint: Path,
) -> dict[str, float]:
    """One update; returns the losses' means over all micro-batches of all processes."""
    scored = engine.total([sum(batch.scored for batch in batches)])[0]
    micro = engine.processes * engine.steps
    sums: dict[str, Tensor] = {}
    for index, batch in enumerate(batches):
        last = index + 1 == len(batches)
        # Dropout is all that is random from here on.
        torch.manual_seed(hash((seed, step, index * engine.processes + engine.rank)) % 2**63)
        with engine.apart(last):
            losses = engine.module(**_to(batch.inputs, engine.device))
            if batch.scored:
                losses = {key: value * (micro / scored) for key, value in losses.items()}
            total = sum(
                (objective.weights[key] * value for key, value in losses.items()),
                torch.zeros((), device=engine.device),
            )
            _check("loss", float(total.detach()), stage, step, checkpoint)
            engine.backward(total, last)
        for key, value in losses.items():
            sums[key] = sums.get(key, 0) + value.detach().float() / micro
    norm = engine.step()
    if norm is not None:
        _check("gradient", norm, stage, step, checkpoint)
    values = dict(zip(sums, engine.total(float(v) for v in sums.values()), strict=True))
    values["loss"] = sum(objective.weights[key] * value for key, value in values.items())
    return values | ({} if norm is None else {"grad_norm": norm})


def _check(what: str, value: float, stage: Stage, step: int, checkpoint: Path) -> None:
    if not math.isfinite(value):
        since = f"go on from {checkpoint}" if checkpoint.is_file() else "start again"
        raise FaceLLMError(
            f"stage {stage.name}: the {what} is {value} at step {step}; lower learning_rate and "
            f"start again in another output_dir, or {since} with the same recipe"
        )


def _log(
    engine: Engine, meter: Meter, step: int, totals: dict[str, float], offset: int, stage: Stage
) -> None:
    summed = dict(zip(totals, engine.total(totals.values()), strict=True))
    row = meter.line(step, {key: value for key, value in summed.items() if value})
    row["train/learning_rate"] = float(f"{stage.learning_rate * schedule(step - 1, stage):.4g}")
    if engine.is_main:
        with writing("log", meter.path.with_suffix(".part")):
            meter.write(row)
    engine.accelerator.log({k: v for k, v in row.items() if k != "stage"}, step=offset + step)
    meter.restart()
    totals.update(dict.fromkeys(totals, 0.0))


def schedule(step: int, stage: Stage) -> float:
    """Share of the learning rate at a step: a linear rise, then the stage's kind of decay."""
    warmup = max(1, round(stage.warmup_ratio * stage.max_steps))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, stage.max_steps - warmup)
    if stage.lr_scheduler_type == "constant":
        return 1.0
    linear = stage.lr_scheduler_type == "linear"
    left = 1 - progress if linear else 0.5 * (1 + math.cos(math.pi * progress))
    return LOWEST + (1 - LOWEST) * left


def _feed(
    objective: Objective, engine: Engine, first: int, stage: Stage
) -> Iterator[tuple[int, list[Batch]]]:
    """Each step's micro-batches of this process; beside a GPU, threads prepare them ahead."""
    count = engine.processes * engine.steps
    own = range(engine.rank, count, engine.processes)

    def batches(step: int) -> list[Batch]:
        return [objective.batch(step, index, count) for index in own]

    workers = 0 if engine.device.type == "cpu" else engine.workers
    if not workers:
        for step in range(first, stage.max_steps):
            yield step, batches(step)
        return
    ahead: deque[tuple[int, Future[list[Batch]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for step in range(first, stage.max_steps + 2 * workers):
            if step < stage.max_steps:
                ahead.append((step, pool.submit(batches, step)))
            if ahead and step >= first + 2 * workers - 1:
                number, made = ahead.popleft()
                yield number, made.result()


def _to(inputs: dict[str, Any], device: torch.device) -> dict[str, Any]:
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for key, value in inputs.items()
    }
