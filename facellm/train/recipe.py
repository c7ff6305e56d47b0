"""The recipe of a training run: typed, from YAML, with `dotted.key=value` overrides."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from facellm.core.errors import FaceLLMError, given

VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class Part(BaseModel):
    """Base of the recipe's parts: unknown keys are errors, help stands under each field."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Corpus(Part):
    """A folder of samples made by the data engine."""

    path: Path
    """Folder with `samples.jsonl`; its train split is trained on, the others are held out."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the draws, relative to the other corpora."""
    limit: int | None = None
    """Use only the first so many training faces."""


class Model(Part):
    """What to build when no model is given to start from."""

    tower: dict[str, Any]
    """open_clip `vision_cfg`."""
    layer: int = -1
    """Block or stage of the tower whose output is used."""
    vision: dict[str, Any] = {}
    """Options of the face-region encoder, see `FaceVisionConfig`."""
    text: dict[str, Any]
    """Configuration of a causal language model of transformers, with its `model_type`."""
    vocab_size: int = 2048
    """Of the tokenizer that is learned from the tasks' texts."""
    tokenizer_texts: int = Field(default=20_000, gt=0)
    """Exchanges the tokenizer is learned from."""


class Stage(Part):
    """One stage of training; a stage of 0 steps is skipped."""

    max_steps: int = Field(ge=0)
    per_device_train_batch_size: int = Field(default=64, gt=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_ratio: float = Field(default=0.05, ge=0, le=1)
    weight_decay: float = 0.05
    logging_steps: int = 20
    save_steps: int = 200


class Recipe(Part):
    """A whole run: what it reads, builds and does."""

    output_dir: Path
    seed: int = 0
    threads: int | None = None
    """CPU threads; None leaves the choice to torch."""
    corpora: list[Corpus] = Field(min_length=1)
    model: Model
    see: Stage
    """Tower and region encoder learn action units, expression and pose through throw-away heads."""
    speak: Stage
    """Projector and language model learn to answer; the vision part rests."""
    evaluate: int = 200
    """Held-out faces of each corpus to answer for at the end; 0 skips it."""


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, fill `${VAR}` and `${VAR:-default}` from the environment, apply overrides.

    Args:
        path: a YAML file.
        overrides: `dotted.key=value`; values are YAML, list items are named by their index.

    Raises:
        FaceLLMError: an unreadable file, an unknown key, a value of the wrong type.
    """
    if not path.is_file():
        raise FaceLLMError(f"no recipe {given(path)}; expected a YAML file")
    try:
        data = yaml.safe_load(VARIABLE.sub(_variable, path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise FaceLLMError(f"recipe {path} is not YAML: {str(error).splitlines()[0]}") from None
    for override in overrides:
        key, sign, value = override.partition("=")
        if not sign:
            raise FaceLLMError(f"override {given(override)} has no '='; expected dotted.key=value")
        _set(data, key.split("."), yaml.safe_load(value), override)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FaceLLMError(f"recipe {path}: {where}: {first['msg']}") from None


def _variable(match: re.Match[str]) -> str:
    name, default = match.groups()
    value = os.environ.get(name, default)
    if value is None:
        raise FaceLLMError(f"the recipe needs the environment variable {name}, which is not set")
    return value


def _set(data: Any, keys: list[str], value: Any, override: str) -> None:
    try:
        for key in keys[:-1]:
            data = data[int(key)] if isinstance(data, list) else data.setdefault(key, {})
        last = keys[-1]
        data[int(last) if isinstance(data, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError):
        raise FaceLLMError(f"override {given(override)} names no place in the recipe") from None
