"""Where a run computes: what TRL is told of devices and of processes that share the optimiser."""

import os
from typing import Any

import torch
from accelerate import PartialState

from facellm.core.errors import FaceLLMError
from facellm.train.engine import zero
from rl.recipe import Recipe


def devices(recipe: Recipe) -> dict[str, Any]:
    """Options of `GRPOConfig`; with DeepSpeed on CPUs, the processes meet here.

    Raises:
        FaceLLMError: DeepSpeed without processes or library, or told to leave a GPU alone.
    """
    if not recipe.deepspeed:
        return {"use_cpu": recipe.use_cpu}
    if recipe.use_cpu and torch.accelerator.is_available():
        raise FaceLLMError(
            "deepspeed takes the GPUs that it finds; hide them (CUDA_VISIBLE_DEVICES=) instead of "
            "setting use_cpu"
        )
    options = zero(
        recipe.deepspeed, recipe.use_cpu, recipe.per_device_train_batch_size,
        recipe.gradient_accumulation_steps, recipe.bf16, recipe.max_grad_norm,
    )  # fmt: skip
    if torch.accelerator.is_available():
        return {"deepspeed": options}
    # transformers, told of CPUs, forgets DeepSpeed; not told, it takes the processes for strangers
    # that each train alone.
    os.environ["ACCELERATE_USE_DEEPSPEED"] = "true"
    PartialState(backend="gloo")
    return {"deepspeed": options, "accelerator_config": {"use_configured_state": True}}
