"""The model a run starts from: a checkpoint, or a tower and a language model put together."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)

from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError, given
from facellm.model import (
    FaceLLMConfig,
    FaceLLMForConditionalGeneration,
    FaceLLMProcessor,
    build,
    vision_config,
)
from facellm.model.build import CHAT_TEMPLATE, END, PAD, START, train_tokenizer
from facellm.model.processing import IMAGE_TOKEN
from facellm.train.checkpoint import writing
from facellm.train.crops import Crops
from facellm.train.dialogues import compose, compose_empty
from facellm.train.recipe import TASK_WEIGHTS, Model, Recipe

Pair = tuple[FaceLLMForConditionalGeneration, FaceLLMProcessor]


def assemble(recipe: Recipe, crops: Sequence[Crops]) -> Pair:
    """The model of a recipe before its first stage, and its processor.

    A tokenizer is learned from the tasks' own texts where the language model brings none.

    Raises:
        FaceLLMError: a folder that holds no such model, or a tower that open_clip cannot build.
    """
    torch.manual_seed(recipe.seed)
    if recipe.model_name_or_path is not None:
        folder = checkpoint_folder(recipe.model_name_or_path)
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
        return model, AutoProcessor.from_pretrained(folder)
    assert recipe.model is not None
    model, processor = _build(recipe.model, lambda: _texts(recipe, crops))
    readings = model.model.vision.readings
    if readings is not None and crops:
        readings.shape.fit(torch.cat([corpus.points for corpus in crops]))
    return model, processor


def _build(wanted: Model, texts: Callable[[], Iterator[str]]) -> Pair:
    tower, weights, images = _tower(wanted)
    vision = vision_config(tower, wanted.layer, **wanted.vision)
    if isinstance(wanted.text, dict):
        tokenizer = train_tokenizer(texts(), wanted.vocab_size)
        model, processor = build(vision, wanted.text, tokenizer, **images)
    else:
        model, processor = _around(vision, wanted.text, images)
    if weights is not None:
        _fill(model.model.vision.vision_tower.visual, weights, wanted.tower)
    return model, processor


def _around(vision: Any, folder: Path, images: dict[str, Any]) -> Pair:
    """Our vision in front of a trained language model, with its own tokenizer."""
    if not (folder / "config.json").is_file():
        raise FaceLLMError(f"no language model in {given(folder)}; expected a transformers folder")
    try:
        language = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FaceLLMError(f"{given(folder)} is no causal language model: {reason}") from None
    known = tokenizer.get_vocab()
    fresh = [token for token in (START, END, IMAGE_TOKEN) if token not in known]
    tokenizer.add_special_tokens({"extra_special_tokens": [START, IMAGE_TOKEN], "eos_token": END})
    if tokenizer.pad_token is None or tokenizer.pad_token == END:
        tokenizer.add_special_tokens({"pad_token": PAD})
    tokenizer.padding_side = "left"
    tokenizer.chat_template = CHAT_TEMPLATE
    size = language.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > size:
        language.resize_token_embeddings(len(tokenizer))
    if fresh:
        print(f"tokens new to the language model: {', '.join(fresh)}", flush=True)
    text = language.config
    text.eos_token_id, text.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    config = FaceLLMConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
    )
    config.architectures = ["FaceLLMForConditionalGeneration"]
    model = FaceLLMForConditionalGeneration(config)
    model.model.language_model.load_state_dict(language.base_model.state_dict())
    if not config.tie_word_embeddings:
        model.lm_head.load_state_dict(language.get_output_embeddings().state_dict())
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.do_sample = False
    return model, FaceLLMProcessor.for_model(vision, tokenizer, CHAT_TEMPLATE, **images)


def _tower(wanted: Model) -> tuple[dict[str, Any], dict[str, torch.Tensor] | None, dict[str, Any]]:
    """The tower's `vision_cfg`, its weights, and what its pictures are normalised by."""
    if isinstance(wanted.tower, dict):
        if wanted.tower_weights is not None:
            raise FaceLLMError("tower_weights needs the name of an open_clip model in tower")
        return wanted.tower, None, {}
    import open_clip

    config = open_clip.get_model_config(wanted.tower)
    if config is None:
        raise FaceLLMError(
            f"open_clip has no model {given(wanted.tower)}; see open_clip.list_models()"
        )
    if config.get("quick_gelu"):
        raise FaceLLMError(f"{wanted.tower} needs QuickGELU; choose its variant without it")
    if wanted.tower_weights is None:
        return config["vision_cfg"], None, {}
    try:
        model = open_clip.create_model(wanted.tower, pretrained=wanted.tower_weights)
    except (RuntimeError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise FaceLLMError(f"tower_weights {given(wanted.tower_weights)}: {reason}") from None
    shown = open_clip.get_model_preprocess_cfg(model)
    images = {"mean": list(shown["mean"]), "std": list(shown["std"])}
    return config["vision_cfg"], model.visual.state_dict(), images


def _fill(visual: nn.Module, weights: dict[str, torch.Tensor], name: Any) -> None:
    missing = visual.load_state_dict(weights, strict=False).missing_keys
    if missing:
        raise FaceLLMError(
            f"the weights of {name} have no {missing[0]}; its tower differs from ours"
        )


def _texts(recipe: Recipe, crops: Sequence[Crops]) -> Iterator[str]:
    """What the tasks of all stages ask and answer about the corpora."""
    assert recipe.model is not None
    if not crops:
        raise FaceLLMError("a tokenizer is learned from samples; give a corpus with path")
    rng = random.Random(recipe.seed)
    mixtures = [s.tasks for s in recipe.stages if s.objective == "answer"] or [TASK_WEIGHTS]
    for turn in range(recipe.model.tokenizer_texts):
        tasks = mixtures[turn % len(mixtures)]
        corpus = rng.randrange(len(crops))
        faces = [(corpus, rng.randrange(len(crops[corpus]))) for _ in range(rng.randint(1, 3))]
        sample = crops[corpus].samples[faces[0][1]]
        empty = rng.random() < 0.02
        said = compose_empty(sample, rng, tasks) if empty else compose(crops, faces, rng, tasks)
        if said is not None:
            yield said.messages[0]["content"][1]["text"]
            yield said.messages[1]["content"]


def save(model: FaceLLMForConditionalGeneration, processor: FaceLLMProcessor, folder: Path) -> None:
    """Write a checkpoint, its weights as float16: half the size, and more exact than bfloat16.

    The configuration keeps float32: that is what it is loaded and computed in on a CPU.

    Raises:
        FaceLLMError: a full disk.
    """
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    processor.tokenizer.backend_tokenizer.no_padding()  # whatever the last batch needed
    with writing("model", folder / "model.safetensors", ", then start again: no step is lost"):
        model.save_pretrained(folder, state_dict=half)
        processor.save_pretrained(folder)
