"""The folder of a run, whatever it learns by: begun once, gone on with, and finished whole."""

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import claim, dump
from facellm.model import FaceLLMForConditionalGeneration, FaceLLMProcessor
from facellm.train import lora
from facellm.train.assemble import save
from facellm.train.log import forget_after
from rl.options import Learning

CHECKPOINTS = "checkpoints"
UNTOUCHED = (
    "the last checkpoint is untouched: lower learning_rate and start again in another output_dir"
)


def is_main() -> bool:
    """Whether this process writes what all processes share."""
    return os.environ.get("RANK", "0") == "0"


def begin(recipe: Learning) -> bool:
    """Claim the folder for a recipe; False where its model is there already.

    Raises:
        FaceLLMError: the folder was begun with another recipe.
    """
    if is_main():
        claim(recipe.output_dir, dump(recipe))
    target = recipe.output_dir / "model"
    if target.is_dir():
        print(f"{target} is there already; choose another output_dir to run again", flush=True)
        return False
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    return True


def resume(recipe: Learning, stage: str, logs: Sequence[str]) -> str | None:
    """The last checkpoint, if there is one; what the logs hold of later steps is forgotten."""
    folder = recipe.output_dir / CHECKPOINTS
    last: str | None = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    step = int(last.rpartition("-")[2]) if last else 0
    if is_main():
        for name in logs:
            forget_after(recipe.output_dir / name, stage, step)
    if last:
        print(f"resuming at step {step}", flush=True)
    return last


def checked(loss: Tensor, step: int) -> Tensor:
    """A loss that can be learned from.

    Raises:
        FaceLLMError: it is not finite.
    """
    if not torch.isfinite(loss):
        raise FaceLLMError(f"the loss is {float(loss)} at step {step}; {UNTOUCHED}")
    return loss


class Finite(TrainerCallback):
    """Stops a run before gradients that are not finite reach the weights, and a checkpoint.

    DeepSpeed keeps gradients to itself; with it the loss alone is checked.
    """

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        norms = [p.grad.norm() for p in model.parameters() if p.grad is not None]
        if norms and not torch.isfinite(torch.stack(norms)).all():
            raise FaceLLMError(f"a gradient is not finite at step {state.global_step}; {UNTOUCHED}")


def finish(
    recipe: Learning, model: FaceLLMForConditionalGeneration, processor: FaceLLMProcessor
) -> bool:
    """Write the folder of the model, or an adapter beside it; whether it is to be evaluated."""
    if recipe.lora is not None:
        if recipe.lora.merge:
            lora.merge(model)
        else:
            lora.save(model, recipe.lora, recipe.output_dir / "adapter")
    model.config.use_cache = True  # transformers' trainer turns it off, and never on again
    part = recipe.output_dir / "model.part"
    save(model.requires_grad_(True).eval(), processor, part)
    part.replace(recipe.output_dir / "model")
    return bool(recipe.evaluate) and (recipe.lora is None or recipe.lora.merge)
