"""The recipe of a training run: what it may hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from facellm.core.recipe import Part, load


class Corpus(Part):
    """A folder of samples made by the data engine."""

    path: Path
    """Folder with `samples.jsonl`; its train split is trained on, the others are held out."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the draws, relative to the other corpora."""
    limit: int | None = None
    """Use only the first so many training faces."""
    balance: float = Field(default=0.0, ge=0, le=1)
    """0 draws faces alike, 1 draws every expression equally often, 0.5 lies between."""


class Model(Part):
    """What to build when no model is given to start from."""

    tower: dict[str, Any]
    """open_clip `vision_cfg`."""
    layer: int = -1
    """Block or stage of the tower whose output is used."""
    vision: dict[str, Any] = Field(default_factory=dict)
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
    """Read a training recipe; arguments and errors are those of `facellm.core.recipe.load`."""
    return load(Recipe, path, overrides)
