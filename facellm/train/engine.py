"""Where a stage runs: one process, several (DDP), or several that share the model's weight.

accelerate finds the processes and devices that torchrun or `accelerate launch` started, wraps the
module for DDP or DeepSpeed and computes in bfloat16; FSDP2 is PyTorch's own, which also works on
CPUs. Gradients are the mean over all micro-batches of a step, wherever they were computed.
"""

import os
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import (
    DeepSpeedPlugin,
    DistributedDataParallelKwargs,
    InitProcessGroupKwargs,
    KwargsHandler,
)
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.train import shards
from facellm.train.parts import parameter_groups, rests, trained_state
from facellm.train.recipe import Recipe, Stage

MAX_GRAD_NORM = 1.0
BETAS = (0.9, 0.98)
State = dict[str, Any]


def start(recipe: Recipe, stage: Stage) -> Accelerator:
    """The processes of a stage; a run's stages follow each other in the same processes.

    Raises:
        FaceLLMError: sharding was asked for without its library or with one process alone.
    """
    # Stages differ in accumulation, which accelerate keeps for a whole process.
    AcceleratorState._reset_state()
    GradientState._reset_state()
    plugin = _deepspeed(recipe, stage) if recipe.deepspeed else None
    # Rows may bring a batch without a picture, labels a batch that some head learns nothing from.
    unused = not rests(stage) or any(corpus.rows for corpus in recipe.corpora)
    # Left to itself, accelerate takes processes on CPUs for strangers that each train alone.
    on_cpu = recipe.use_cpu or not torch.accelerator.is_available()
    handlers: list[KwargsHandler] = [DistributedDataParallelKwargs(find_unused_parameters=unused)]
    if on_cpu and plugin is not None:
        handlers.append(InitProcessGroupKwargs(backend="gloo"))
    accelerator = Accelerator(
        cpu=on_cpu and plugin is None,
        mixed_precision="bf16" if recipe.bf16 else "no",
        gradient_accumulation_steps=stage.gradient_accumulation_steps,
        deepspeed_plugin=plugin,
        log_with=trackers(recipe) or None,
        project_dir=str(recipe.output_dir),
        kwargs_handlers=handlers,
    )
    expected = int(os.environ.get("WORLD_SIZE", "1"))
    if accelerator.num_processes != expected:
        raise FaceLLMError(
            f"{expected} processes were started but accelerate knows {accelerator.num_processes}; "
            "see that they find each other (MASTER_ADDR, MASTER_PORT) and the same devices"
        )
    if recipe.fsdp and accelerator.num_processes == 1:
        raise FaceLLMError("fsdp shards among processes; start them with torchrun, or leave it out")
    return accelerator


def trackers(recipe: Recipe) -> list[str]:
    """Names of the trackers to report to, each checked to be installed."""
    from importlib.util import find_spec

    wanted = recipe.report_to if isinstance(recipe.report_to, list) else [recipe.report_to]
    names = [name for name in wanted if name != "none"]
    for name in names:
        if find_spec(name) is None:
            raise FaceLLMError(f"report_to {name} needs it installed: pip install {name}")
    return names


def _deepspeed(recipe: Recipe, stage: Stage) -> DeepSpeedPlugin:
    options = zero(
        recipe.deepspeed, recipe.use_cpu, stage.per_device_train_batch_size,
        stage.gradient_accumulation_steps, recipe.bf16,
    )  # fmt: skip
    return DeepSpeedPlugin(hf_ds_config=options, zero3_init_flag=False)


def zero(
    level: int, use_cpu: bool, batch: int, steps: int, bf16: bool, clip: float = MAX_GRAD_NORM
) -> dict[str, Any]:
    """DeepSpeed's options for a ZeRO level, rows a micro-batch and micro-batches a step.

    Raises:
        FaceLLMError: no processes that could share, or no DeepSpeed.
    """
    if "RANK" not in os.environ:
        raise FaceLLMError(
            "deepspeed runs in processes that torchrun or accelerate launch starts; "
            "start them so, or set deepspeed to 0"
        )
    if use_cpu or not torch.accelerator.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    try:
        import deepspeed  # noqa: F401
    except ImportError:
        raise FaceLLMError("deepspeed is not installed: pip install 'facellm[train]'") from None
    return {
        "train_micro_batch_size_per_gpu": batch,
        "gradient_accumulation_steps": steps,
        "gradient_clipping": clip,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "zero_optimization": {
            "stage": level,
            "stage3_gather_16bit_weights_on_model_save": True,
        },
        "bf16": {"enabled": bf16},
        "steps_per_print": 10**9,
    }


class Engine:
    """A module in training: forward, backward, step and its state, the same for all regimes."""

    def __init__(self, recipe: Recipe, stage: Stage, module: nn.Module) -> None:
        self.accelerator = start(recipe, stage)
        self.stage, self.steps = stage, stage.gradient_accumulation_steps
        self.workers = recipe.dataloader_num_workers
        self.sharded = recipe.fsdp or recipe.deepspeed > 0
        self.fsdp, self.deepspeed = recipe.fsdp, recipe.deepspeed > 0
        if recipe.fsdp:
            module.to(self.device)
            shards.shard(module, self.device.type, self.processes, recipe.bf16)
        groups = parameter_groups(module, stage)
        self.optimiser: Any = torch.optim.AdamW(groups, betas=BETAS, fused=not self.sharded)
        self.module: nn.Module = module
        if not recipe.fsdp:
            self.module, self.optimiser = self.accelerator.prepare(module, self.optimiser)
        self.rates = [group["lr"] for group in groups]
        self.parameters = [p for group in groups for p in group["params"]]

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    @property
    def rank(self) -> int:
        return self.accelerator.process_index

    @property
    def processes(self) -> int:
        return self.accelerator.num_processes

    @property
    def is_main(self) -> bool:
        return self.accelerator.is_main_process

    def set_rate(self, factor: float) -> None:
        """Scale every group's own learning rate."""
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def backward(self, loss: Tensor, last: bool) -> None:
        """Add this micro-batch's gradient; with the last one of a step, all processes' meet.

        DeepSpeed also takes its step with the last one.
        """
        if self.deepspeed:
            self.accelerator.deepspeed_engine_wrapped.backward(loss, sync_gradients=last)
            return
        if self.fsdp:
            self.module.set_requires_gradient_sync(last)  # type: ignore[operator]
        (loss / self.steps).backward()

    def apart(self, last: bool) -> Any:
        """The context of a micro-batch's forward pass: DDP gathers gradients at the last alone."""
        single = last or self.sharded
        return nullcontext() if single else self.accelerator.no_sync(self.module)

    def step(self) -> float | None:
        """Clip, update and forget the gradients; returns their norm, None where it is not known."""
        if self.deepspeed:
            return None
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, MAX_GRAD_NORM)
        value = float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
        if value == value and value != float("inf"):  # else the caller stops, weights untouched
            self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return value

    def total(self, values: Iterable[float]) -> list[float]:
        """Sums over the processes."""
        row = torch.tensor(list(values), dtype=torch.float64)
        if self.processes > 1:
            row = self.accelerator.reduce(row.float().to(self.device), "sum").double().cpu()
        return [float(value) for value in row]

    def wait(self) -> None:
        """Until all processes are here."""
        self.accelerator.wait_for_everyone()

    def trained(self) -> State:
        """What the stage changed, by name in its module; whole on the main process."""
        if self.fsdp:
            return trained_state(shards.weights(self.module), self.stage)
        whole = self.accelerator.get_state_dict(self.module)  # ZeRO-3: None but on the main process
        return trained_state(whole or {}, self.stage)

    def state(self) -> State:
        """Weights and optimiser, for a checkpoint of one file; whole on the main process."""
        if not self.fsdp:
            return {"weights": self.trained(), "optimiser": self.optimiser.state_dict()}
        weights, optimiser = shards.state(self.module, self.optimiser)
        return {"weights": trained_state(weights, self.stage), "optimiser": optimiser}

    def load(self, state: State) -> None:
        """Go on from what `state` gave."""
        if not self.fsdp:
            bare = self.accelerator.unwrap_model(self.module)
            bare.load_state_dict(state["weights"], strict=False)
            self.optimiser.load_state_dict(state["optimiser"])
            return
        shards.load(self.module, self.optimiser, state["weights"], state["optimiser"])
