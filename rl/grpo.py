"""A run: start model and corpora to a checkpoint that `facellm` can load.

corpora ─ prompts ─► check of labels and start model ─► GRPO ─► output_dir/model, report.json,
                                                          └ log.jsonl, curves.png, completions.jsonl
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForImageTextToText, AutoProcessor, PrinterCallback
from transformers.trainer_callback import ProgressCallback
from trl import GRPOConfig

from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError
from facellm.model import FaceLLMForConditionalGeneration, FaceLLMProcessor
from facellm.train import lora
from facellm.train.parts import freeze
from rl import stock
from rl.colocated import Colocated, Room, Sampling
from rl.devices import devices
from rl.folder import CHECKPOINTS, Finite, begin, finish, is_main, resume
from rl.held_out import HeldOutReward
from rl.journal import Journal, draw
from rl.prompts import Prompts, Slots, check_labels
from rl.recipe import PRESETS, Recipe
from rl.rollouts import RolloutProcessor
from rl.schedule import STATE_FILE, Schedule
from rl.start import check_start
from rl.trainer import FaceGRPOTrainer
from rl.watch import STAGE, Watch
from rl.watched import WatchedTrainer


def train(recipe: Recipe) -> Path:
    """Run a recipe, see `rl.run`."""
    start = stock.start_folder(recipe.model_name_or_path)
    target = recipe.output_dir / "model"
    if not begin(recipe):
        return target
    model = AutoModelForImageTextToText.from_pretrained(start, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(start)
    trainer = make_trainer(recipe, model, processor)
    last = resume(recipe, STAGE, ("log.jsonl", "completions.jsonl"))
    if last is None:
        check_start(trainer, recipe)
    elif trainer.schedule is not None:
        trainer.schedule.load(Path(last) / STATE_FILE)
    trainer.train(resume_from_checkpoint=last)
    if is_main():
        _finish(recipe, model, processor, start, target)
    return target


def make_trainer(recipe: Recipe, model: Any, processor: Any) -> WatchedTrainer:
    """The trainer of a recipe around a model, its rewards, prompts and watch.

    Args:
        recipe: of the run.
        model: our own, or a stock one with face regions.
        processor: the model's.

    Raises:
        FaceLLMError: a corpus without what tasks and rubric need, or a part the model has not.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    per_round = recipe.prompts_per_step * processes
    count = -(-recipe.max_steps // recipe.num_iterations) * per_round
    prompts = Prompts(recipe, count)
    check_labels(recipe, prompts)
    torch.manual_seed(recipe.seed)
    rewards = recipe.rubric.rewards()
    watch = Watch(
        [reward.name for reward in rewards], recipe.output_dir / "completions.jsonl", recipe.samples
    )
    trainer = _around(recipe, model, processor)(
        reward_funcs=[reward.function for reward in rewards],
        args=config(recipe),
        train_dataset=Dataset.from_dict({"row": range(count)}),
        callbacks=[Journal(recipe.output_dir / "log.jsonl", watch), Finite()],
    )
    # TRL asks for a Dataset; its loader takes rows from anything that has them.
    trainer.train_dataset = trainer.prompts = prompts
    if recipe.schedule == "utility":
        trainer.train_dataset = Slots(count)
        trainer.schedule = scheduled(recipe, per_round)
    if isinstance(trainer, FaceGRPOTrainer) and recipe.rollouts == "vllm":
        trainer.colocated = colocated(recipe, trainer, processes)
        trainer.max_difference = recipe.vllm.max_difference
    if recipe.held_out.prompts:
        trainer.add_callback(HeldOutReward(trainer, recipe, per_round))
    trainer.watch = watch
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    return trainer


def _around(recipe: Recipe, model: Any, processor: Any) -> Callable[..., WatchedTrainer]:
    """The trainer of a kind of model, which of its parts learn settled."""
    if not isinstance(model, FaceLLMForConditionalGeneration):
        stock.check_recipe(recipe)
        stock.freeze(model, recipe)
        return partial(
            stock.StockGRPOTrainer, model, processing_class=stock.rollout_processor(processor)
        )
    if recipe.lora is not None:
        lora.add(model, recipe.lora)
    freeze(model, recipe.stage(STAGE))
    return partial(FaceGRPOTrainer, model, processing_class=RolloutProcessor.around(processor))


def scheduled(recipe: Recipe, per_round: int) -> Schedule:
    """The schedule over a recipe's pool, at its beginning.

    Raises:
        FaceLLMError: a pool smaller than what one round asks.
    """
    pool = recipe.pool or 0
    if pool < per_round:
        raise FaceLLMError(
            f"a pool of {pool} prompts is too small for rounds of {per_round}; make it larger"
        )
    return Schedule(pool, per_round, recipe.seed)


def colocated(recipe: Recipe, trainer: FaceGRPOTrainer, processes: int) -> Colocated:
    """vLLM for a recipe's answers, one in each process; it starts when the first are drawn.

    Raises:
        FaceLLMError: no vLLM.
    """
    sampling = Sampling(
        recipe.max_completion_length, trainer.eos_token_ids, trainer.model.config.image_token_id
    )
    room = Room(recipe.vllm.max_num_seqs, recipe.vllm.gpu_memory_utilization, processes)
    return Colocated(checkpoint_folder(recipe.model_name_or_path), sampling, room)


def config(recipe: Recipe) -> GRPOConfig:
    """TRL's options; what the recipe does not name is said here, since TRL's defaults change."""
    same = (
        *PRESETS["grpo"], "beta", "num_generations", "num_iterations",
        "per_device_train_batch_size", "gradient_accumulation_steps", "max_steps",
        "learning_rate", "lr_scheduler_type", "warmup_steps", "max_grad_norm", "temperature",
        "top_p", "max_completion_length", "logging_steps", "save_steps", "seed", "bf16",
        "gradient_checkpointing", "report_to",
    )  # fmt: skip
    return GRPOConfig(
        **devices(recipe),
        output_dir=str(recipe.output_dir / CHECKPOINTS),
        reward_weights=[reward.weight for reward in recipe.rubric.rewards()],
        remove_unused_columns=False,  # rewards need the columns that the model does not take
        shuffle_dataset=False,  # prompts are drawn at random already
        disable_dropout=True,  # old and new log-probabilities must differ by the update alone
        dataloader_num_workers=0,
        save_strategy="steps",
        save_total_limit=2,
        logging_strategy="steps",
        disable_tqdm=True,
        **{name: getattr(recipe, name) for name in same},
    )


def _finish(
    recipe: Recipe,
    model: FaceLLMForConditionalGeneration,
    processor: FaceLLMProcessor,
    start: Path,
    target: Path,
) -> None:
    draw(recipe.output_dir / "log.jsonl", recipe.output_dir / "curves.png")
    if finish(recipe, model, processor):
        from rl.report import report

        report(recipe, start, target, recipe.output_dir / "report.json")


__all__ = ["config", "make_trainer", "train"]
