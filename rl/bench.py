"""Where the time of a run goes, with answers drawn in several ways, in one process.

python -m rl.bench RECIPE [key=value …] [--kind copies --kind shared --kind vllm]
                                        [--steps 4] [--rounds 2] [--out bench.json]

`shared` reads a prompt once for all of its answers (`rollouts: transformers`), `copies` reads every
copy as TRL and transformers do by themselves, `vllm` lets vLLM draw. They take turns, a round of
steps each, so that a machine that grows slower is so for all. The first step of every round is left
out: it starts vLLM, or finds caches cold.
"""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from transformers import AutoModelForImageTextToText, AutoProcessor, TrainerCallback

from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError, one_line
from facellm.core.recipe import check, no_option, read
from rl.colocated import Colocated
from rl.grpo import make_trainer
from rl.recipe import Recipe
from rl.trainer import FaceGRPOTrainer

KINDS = {"copies": "transformers", "shared": "transformers", "vllm": "vllm"}
"""Way to draw answers → `rollouts` of the recipe."""
Row = dict[str, Any]


class Clock(TrainerCallback):
    """Seconds of each phase, summed over the steps after the first."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.processor: Counter[str] = Counter()
        """The same in seconds of CPU: what a busy machine does not stretch. Not of a GPU's work."""
        self.lengths: list[int] = []
        self.steps = 0
        self.began: float | None = None
        self.worked = 0.0

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted under a name."""

        def run(*args: Any, **kwargs: Any) -> Any:
            start, worked = time.perf_counter(), time.process_time()
            result = call(*args, **kwargs)
            if self.began is not None:
                self.seconds[name] += time.perf_counter() - start
                self.processor[name] += time.process_time() - worked
                if name == "generation":
                    self.lengths += [len(ids) for ids in result[0]]
            return result

        return run

    def on_step_end(self, *_: Any, **__: Any) -> None:
        now, worked = time.perf_counter(), time.process_time()
        if self.began is not None:
            self.seconds["step"] += now - self.began
            self.processor["step"] += worked - self.worked
            self.steps += 1
        self.began, self.worked = now, worked

    def row(self, kind: str, answers: int) -> Row:
        """Answers a second and the share of each phase."""
        spent, whole, given = self.seconds, self.seconds["step"], answers * self.steps
        phases = {
            "generation": spent["generation"] - spent["weights"],
            "weights": spent["weights"],
            "rewards": spent["rewards"],
            "inputs": spent["inputs"] - spent["generation"] - spent["rewards"],
            "loss": spent["loss"],
        }
        phases["update"] = whole - sum(phases.values())  # backward pass, optimiser, loading
        return {
            "rollouts": kind,
            "steps": self.steps,
            "answers": given,
            "tokens": {
                "mean": round(float(np.mean(self.lengths)), 1),
                "deciles": np.percentile(self.lengths, [10, 50, 90]).round().tolist(),
            },
            "answers_per_second": round(given / whole, 3),
            "answers_per_second_of_generation": round(given / spent["generation"], 3),
            "answers_per_cpu_second": round(given / self.processor["step"], 3),
            "answers_per_cpu_second_of_generation": round(given / self.processor["generation"], 3),
            "share": {name: round(value / whole, 3) for name, value in phases.items()},
        }


def one_round(recipe: Recipe, kind: str, beside: Colocated | None) -> tuple[Row, Colocated | None]:
    """Train for the recipe's steps from its start model; vLLM, once started, is handed on."""
    folder = checkpoint_folder(recipe.model_name_or_path)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    trainer = make_trainer(recipe, model, AutoProcessor.from_pretrained(folder))
    assert isinstance(trainer, FaceGRPOTrainer), "a model of ours was loaded"
    if kind == "copies":
        trainer.sharing = False
        for seen in trainer.seen:
            seen.leave()
    clock = Clock()
    if trainer.colocated is not None:
        trainer.colocated = beside or trainer.colocated
        trainer.colocated.step = None  # another model than the one it held
        trainer.colocated.sync = clock.timed("weights", Colocated.sync.__get__(trainer.colocated))
    for name, phase in (
        ("_generate_single_turn", "generation"), ("_calculate_rewards", "rewards"),
        ("_prepare_inputs", "inputs"), ("_compute_loss", "loss"),
    ):  # fmt: skip
        setattr(trainer, name, clock.timed(phase, getattr(trainer, name)))
    trainer.add_callback(clock)
    trainer.train()
    answers = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
    return clock.row(kind, answers), trainer.colocated


def main(
    recipe: Annotated[Path, typer.Argument(help="Recipe of a run.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="A way to draw; all of them.")] = None,
    steps: Annotated[int, typer.Option(help="Steps of a round that are counted.", min=1)] = 4,
    rounds: Annotated[int, typer.Option(help="Rounds of each.", min=1)] = 2,
    out: Annotated[Path | None, typer.Option(help="Write the numbers here as JSON.")] = None,
) -> None:
    """Compare ways to draw answers."""
    data = read(recipe, overrides or [])
    unknown = [name for name in kind or () if name not in KINDS]
    if unknown:
        raise FaceLLMError(f"--kind: {no_option(unknown[0], KINDS)}")
    rows: list[Row] = []
    beside: Colocated | None = None
    with tempfile.TemporaryDirectory() as work:
        for number in range(rounds):
            for name in kind or KINDS:
                folder = Path(work) / f"{name}{number}"
                folder.mkdir()
                made = check(
                    Recipe,
                    data
                    | {
                        "output_dir": folder, "rollouts": KINDS[name], "max_steps": steps + 1,
                        "save_steps": 1000 * data.get("num_iterations", 1), "samples": 0,
                        "held_out": {"prompts": 0},
                    },
                    f"recipe {recipe}",
                )  # fmt: skip
                row, beside = one_round(made, name, beside)
                rows.append(row)
                print(json.dumps(row), flush=True)
    if out is not None:
        out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with one_line("rl.bench"):
        typer.run(main)
