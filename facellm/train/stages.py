"""The stages of a run, one after the other: corpora to a checkpoint that `facellm` can load.

corpora ─ crops ─► stage ─► stage ─► … ─► output_dir/model, report.json, curves.png
                     └ see (vision + heads) or answer (any parts, adapters), each resumable
"""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import PartialState
from torch import Tensor

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import claim, dump
from facellm.model import FaceLLMForConditionalGeneration, FaceLLMProcessor
from facellm.train import lora
from facellm.train.assemble import assemble, save
from facellm.train.checkpoint import Checkpoint
from facellm.train.crops import Crops, load_crops
from facellm.train.dialogues import Source
from facellm.train.engine import trackers
from facellm.train.loop import Objective, run_stage
from facellm.train.recipe import Recipe, Stage
from facellm.train.rows import Talks, load_talks
from facellm.train.see import Seeing
from facellm.train.speak import Answering


def train(recipe: Recipe) -> Path:
    """Run all stages, see `facellm.train.run`."""
    trackers(recipe)
    main = os.environ.get("RANK", "0") == "0"
    if main:
        claim(recipe.output_dir, dump(recipe))
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    crops = [
        load_crops(c.path, "train", c.limit, c.balance, c.exact) for c in recipe.corpora if c.path
    ]
    model, processor = assemble(recipe, crops)
    sources = _sources(recipe, crops, processor)
    if main:
        sizes = [f"{len(s)} {'rows' if isinstance(s, Talks) else 'faces'}" for s in sources]
        print("training on " + ", ".join(sizes), flush=True)
    model = _stages(recipe, model, processor, sources)
    target = recipe.output_dir / "model"
    if main:
        save(model, processor, target)
        _evaluate(recipe, target)
    if PartialState._shared_state:
        PartialState().wait_for_everyone()
    return target


def _sources(recipe: Recipe, crops: Sequence[Crops], processor: FaceLLMProcessor) -> list[Source]:
    """Every corpus in the recipe's order."""
    waiting = iter(crops)
    return [
        next(waiting) if corpus.path else load_talks(corpus, processor.image_processor)
        for corpus in recipe.corpora
    ]


def _stages(
    recipe: Recipe,
    model: FaceLLMForConditionalGeneration,
    processor: FaceLLMProcessor,
    sources: list[Source],
) -> FaceLLMForConditionalGeneration:
    """Run what is not done yet; the model as the last stage leaves it."""
    offset = 0
    for number, stage in enumerate(recipe.stages):
        if stage.max_steps == 0:
            continue
        checkpoint = Checkpoint(recipe.output_dir, stage.name)
        _adapters(model, recipe, number)
        state = checkpoint.read()
        if state is None or "done" not in state:
            objective = _objective(recipe, number, model, processor, sources)
            engine = run_stage(objective, recipe, stage, offset)
            if engine.sharded:
                # Sharding takes the modules apart for good: begin from what was saved.
                model = _again(recipe, number, model, sources)
                _load(model, checkpoint, stage)
        else:
            _load(model, checkpoint, stage)
        _settle(model, stage, recipe.output_dir)
        offset += stage.max_steps
    return model.requires_grad_(True).eval()


def _objective(
    recipe: Recipe,
    number: int,
    model: FaceLLMForConditionalGeneration,
    processor: FaceLLMProcessor,
    sources: list[Source],
) -> Objective:
    stage = recipe.stages[number]
    seed = recipe.seed + 1009 * number
    shares = recipe.shares(stage)
    if recipe.gradient_checkpointing:
        model.model.language_model.gradient_checkpointing_enable({"use_reentrant": False})
    if stage.objective == "see":
        torch.manual_seed(seed)  # heads, where the model has no readings
        own = [(s, w) for s, w in zip(sources, shares, strict=True) if isinstance(s, Crops)]
        crops, weights = [s for s, _ in own], [w for _, w in own]
        return Seeing(model.model.vision, processor.image_processor, crops, weights, stage, seed)
    return Answering(model, processor, sources, shares, stage, seed)


def _adapters(model: FaceLLMForConditionalGeneration, recipe: Recipe, number: int) -> None:
    wanted = recipe.stages[number].lora
    if wanted is not None:
        torch.manual_seed(recipe.seed + 1009 * number)
        lora.add(model, wanted)


def _again(
    recipe: Recipe, number: int, model: FaceLLMForConditionalGeneration, sources: list[Source]
) -> FaceLLMForConditionalGeneration:
    """The model as it was before a stage, made anew."""
    if recipe.deepspeed:
        from transformers.integrations.deepspeed import unset_hf_deepspeed_config

        unset_hf_deepspeed_config()  # else new modules would be shared out as they are made
    crops = [source for source in sources if isinstance(source, Crops)]
    fresh, _ = assemble(recipe, crops)
    for before, stage in enumerate(recipe.stages[:number]):
        if stage.max_steps:
            _adapters(fresh, recipe, before)
            _load(fresh, Checkpoint(recipe.output_dir, stage.name), stage)
            _settle(fresh, stage, recipe.output_dir)
    _adapters(fresh, recipe, number)
    return fresh


def _load(model: FaceLLMForConditionalGeneration, checkpoint: Checkpoint, stage: Stage) -> None:
    """Take what a finished stage has learned into the model."""
    state = checkpoint.read()
    if state is None:
        raise FaceLLMError(f"no {checkpoint.path}: the processes do not share output_dir")
    weights: dict[str, Tensor] = {}
    for name, value in state["weights"].items():
        if stage.objective == "answer":
            weights[name.removeprefix("model.")] = value
        elif name.startswith("vision."):
            weights[f"model.{name}"] = value
    own = model.state_dict()
    for name, value in weights.items():
        if name not in own:
            raise FaceLLMError(f"{checkpoint.path} holds {name}, which this model has not")
        if value.shape != own[name].shape:
            raise FaceLLMError(
                f"{checkpoint.path} holds {name} of size {tuple(value.shape)}; this model's has "
                f"{tuple(own[name].shape)}: build both by the same options of model"
            )
    model.load_state_dict(weights, strict=False)


def _settle(model: FaceLLMForConditionalGeneration, stage: Stage, folder: Path) -> None:
    """Merge the stage's adapters, or save them and leave the language model as it was."""
    if stage.lora is None:
        return
    if stage.lora.merge:
        lora.merge(model)
    else:
        lora.save(model, stage.lora, folder / "adapter")


def _evaluate(recipe: Recipe, target: Path) -> None:
    corpora = [corpus.path for corpus in recipe.corpora if corpus.path is not None]
    if recipe.evaluate and corpora:
        from facellm.train.evaluate import evaluate

        evaluate(target, corpora, recipe.evaluate, recipe.output_dir / "report.json")
