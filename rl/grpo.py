"""A run: start model and corpora to a checkpoint that `facellm` can load.

corpora ─ prompts ─► check of labels and start model ─► GRPO ─► output_dir/model, report.json,
                                                          └ log.jsonl, curves.png, completions.jsonl
"""

import os
from pathlib import Path

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
from rl.colocated import Colocated, Sampling
from rl.folder import CHECKPOINTS, begin, finish, is_main, resume
from rl.held_out import HeldOutReward
from rl.journal import Journal, draw
from rl.prompts import Prompts, Slots, check_labels
from rl.recipe import PRESETS, Recipe
from rl.rollouts import RolloutProcessor
from rl.schedule import STATE_FILE, Schedule
from rl.start import check_start
from rl.trainer import FaceGRPOTrainer
from rl.watch import STAGE, Watch


def train(recipe: Recipe) -> Path:
    """Run a recipe, see `rl.run`."""
    start = checkpoint_folder(recipe.model_name_or_path)
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


def make_trainer(
    recipe: Recipe, model: FaceLLMForConditionalGeneration, processor: FaceLLMProcessor
) -> FaceGRPOTrainer:
    """The trainer of a recipe around a model, its rewards, prompts and watch.

    Raises:
        FaceLLMError: a corpus without what tasks and rubric need, or a part the model has not.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    per_round = recipe.prompts_per_step * processes
    count = -(-recipe.max_steps // recipe.num_iterations) * per_round
    prompts = Prompts(recipe, count)
    check_labels(recipe, prompts)
    torch.manual_seed(recipe.seed)
    if recipe.lora is not None:
        lora.add(model, recipe.lora)
    freeze(model, recipe.stage(STAGE))
    rewards = recipe.rubric.rewards()
    watch = Watch(
        [reward.name for reward in rewards], recipe.output_dir / "completions.jsonl", recipe.samples
    )
    trainer = FaceGRPOTrainer(
        model=model,
        reward_funcs=[reward.function for reward in rewards],
        args=config(recipe),
        train_dataset=Dataset.from_dict({"row": range(count)}),
        processing_class=RolloutProcessor.around(processor),
        callbacks=[Journal(recipe.output_dir / "log.jsonl", watch)],
    )
    # TRL asks for a Dataset; its loader takes rows from anything that has them.
    trainer.train_dataset = trainer.prompts = prompts
    if recipe.schedule == "utility":
        trainer.train_dataset = Slots(count)
        trainer.schedule = scheduled(recipe, per_round)
    if recipe.rollouts == "vllm":
        trainer.colocated = colocated(recipe, trainer, processes)
        trainer.max_difference = recipe.vllm.max_difference
    if recipe.held_out.prompts:
        trainer.add_callback(HeldOutReward(trainer, recipe, per_round))
    trainer.watch = watch
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    return trainer


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
    """vLLM for a recipe's answers; it starts when the first are drawn.

    Raises:
        FaceLLMError: several processes, or no vLLM.
    """
    if processes > 1:
        raise FaceLLMError(
            f"rollouts vllm runs in one process, not in {processes}; choose rollouts transformers"
        )
    sampling = Sampling(
        recipe.max_completion_length, trainer.eos_token_ids, trainer.model.config.image_token_id
    )
    folder = checkpoint_folder(recipe.model_name_or_path)
    return Colocated(folder, sampling, recipe.vllm.max_num_seqs, recipe.vllm.gpu_memory_utilization)


def config(recipe: Recipe) -> GRPOConfig:
    """TRL's options; what the recipe does not name is said here, since TRL's defaults change."""
    same = (
        *PRESETS["grpo"], "beta", "num_generations", "num_iterations",
        "per_device_train_batch_size", "gradient_accumulation_steps", "max_steps",
        "learning_rate", "lr_scheduler_type", "warmup_steps", "max_grad_norm", "temperature",
        "top_p", "max_completion_length", "logging_steps", "save_steps", "seed", "bf16",
        "gradient_checkpointing", "use_cpu", "report_to",
    )  # fmt: skip
    return GRPOConfig(
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
