"""A preference run: start model and corpora to a checkpoint that `facellm` can load.

corpora ─ questions ─► answers of the start model ─ rubric ─► pairs ─► DPO ─► output_dir/model,
                                             pairs.jsonl, pairs.json ┘    report.json, fairness.md,
                                                                          log.jsonl, curves.png
"""

from pathlib import Path

import torch
from accelerate import PartialState
from transformers import AutoModelForImageTextToText, AutoProcessor, PrinterCallback
from transformers.trainer_callback import ProgressCallback
from trl import DPOConfig

from facellm.checkpoint import checkpoint_folder
from facellm.model import FaceLLMForConditionalGeneration, FaceLLMProcessor
from facellm.train import lora
from facellm.train.parts import freeze
from rl.folder import CHECKPOINTS, Finite, begin, finish, is_main, resume
from rl.journal import Journal, draw
from rl.preferences.pairs import Row, make_pairs
from rl.preferences.recipe import STAGE, Preferences
from rl.preferences.trainer import Collator, FaceDPOTrainer, tokenised

PANELS = {
    "loss": ("loss",),
    "rewards (β · log ratio)": ("rewards/chosen", "rewards/rejected", "rewards/margins"),
    "chosen is likelier": ("rewards/accuracies",),
    "log-probability": ("logps/",),
}
"""Panel of the curves → beginnings of the names that it shows."""


def prefer(recipe: Preferences) -> Path:
    """Run a recipe, see `rl.run`."""
    start = checkpoint_folder(recipe.model_name_or_path)
    target = recipe.output_dir / "model"
    if not begin(recipe):
        return target
    with PartialState(cpu=recipe.use_cpu).main_process_first():
        rows = make_pairs(recipe, start)
    model = AutoModelForImageTextToText.from_pretrained(start, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(start)
    trainer = make_trainer(recipe, rows, model, processor)
    trainer.train(resume_from_checkpoint=resume(recipe, STAGE, ("log.jsonl",)))
    if is_main():
        _finish(recipe, model, processor, start, target)
    return target


def make_trainer(
    recipe: Preferences,
    rows: list[Row],
    model: FaceLLMForConditionalGeneration,
    processor: FaceLLMProcessor,
) -> FaceDPOTrainer:
    """The trainer of a recipe; the reference's log-probabilities are taken here, from the model as
    it is given.

    Raises:
        FaceLLMError: a part to be trained that the model has not.
    """
    torch.manual_seed(recipe.seed)
    if recipe.lora is not None:
        lora.add(model, recipe.lora)  # changes nothing until trained
    freeze(model, recipe.stage(STAGE))
    trainer = FaceDPOTrainer(
        model=model,
        args=config(recipe),
        data_collator=Collator(rows, processor),
        train_dataset=tokenised(rows, processor),
        processing_class=processor,
        callbacks=[Journal(recipe.output_dir / "log.jsonl", None, STAGE), Finite()],
    )
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    return trainer


def config(recipe: Preferences) -> DPOConfig:
    """TRL's options; what the recipe does not name is said here, since TRL's defaults change."""
    same = (
        "beta", "per_device_train_batch_size", "gradient_accumulation_steps", "max_steps",
        "learning_rate", "lr_scheduler_type", "warmup_steps", "max_grad_norm", "logging_steps",
        "save_steps", "seed", "bf16", "gradient_checkpointing", "use_cpu", "report_to",
    )  # fmt: skip
    return DPOConfig(
        output_dir=str(recipe.output_dir / CHECKPOINTS),
        loss_type=[recipe.loss_type, "sft"] if recipe.sft_weight else [recipe.loss_type],
        loss_weights=[1.0, recipe.sft_weight] if recipe.sft_weight else [1.0],
        precompute_ref_log_probs=True,
        remove_unused_columns=False,  # the collator finds a pair's picture by its number
        max_length=None,  # a cut prompt would have fewer tokens than its picture
        disable_dropout=True,  # policy and reference must differ by what is learned alone
        dataloader_num_workers=0,
        save_strategy="steps",
        save_total_limit=2,
        logging_strategy="steps",
        disable_tqdm=True,
        **{name: getattr(recipe, name) for name in same},
    )


def _finish(
    recipe: Preferences,
    model: FaceLLMForConditionalGeneration,
    processor: FaceLLMProcessor,
    start: Path,
    target: Path,
) -> None:
    draw(recipe.output_dir / "log.jsonl", recipe.output_dir / "curves.png", STAGE, PANELS)
    if finish(recipe, model, processor):
        from rl.preferences.fairness import fairness
        from rl.report import report

        report(recipe.asking(), start, target, recipe.output_dir / "report.json")
        fairness(recipe, start, target)
