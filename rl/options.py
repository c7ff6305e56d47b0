"""What the recipes of reinforcement, preferences and self-improvement have in common."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from facellm.core.recipe import Part
from facellm.train.recipe import PARTS, Lora, PartName, Stage, Tracker, check_shares
from rl.rubric import Rubric

TRAINED: tuple[PartName, ...] = ("projector", "language_model")
"""What learns where a recipe does not say."""
Scheduler = Literal["cosine", "linear", "constant_with_warmup"]


class Faces(Part):
    """A folder of samples to ask about; its train split is used."""

    path: Path
    """Folder with `samples.jsonl`."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the draws, relative to the other corpora."""
    limit: int | None = Field(default=None, gt=0)
    """Use only the first so many training pictures."""


class Asking(Part):
    """Which model is asked what about whom, and how answers are scored."""

    output_dir: Path
    seed: int = 0
    threads: int | None = Field(default=None, gt=0)
    """CPU threads; None leaves the choice to torch."""
    use_cpu: bool = False
    """Leave a GPU alone."""
    model_name_or_path: Path | None = None
    """Folder of a facellm model; None is the one that ships with the package."""
    corpora: list[Faces] = Field(min_length=1)
    tasks: dict[str, float] = Field(default_factory=lambda: {"reasoning": 1.0}, min_length=1)
    """Task → share of the questions."""
    rubric: Rubric
    """What says which answer is better."""
    evaluate: int = Field(default=200, ge=0)
    """Held-out faces of each corpus that start and end model are compared on; 0 skips it."""

    @model_validator(mode="after")
    def _shares(self) -> "Asking":
        check_shares(self.tasks)
        return self


class Learning(Asking):
    """Which parts of the model learn, how fast and how long."""

    train: list[PartName] = Field(default_factory=lambda: list(TRAINED))
    """Parts that learn, of vision_tower, region_encoder, projector and language_model."""
    lora: Lora | None = None
    """Adapters on the language model, which then learns through them alone."""
    gradient_accumulation_steps: int = Field(default=1, gt=0)
    max_steps: int = Field(gt=0)
    learning_rate: float = Field(default=1e-5, gt=0)
    warmup_steps: int = Field(default=0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    logging_steps: int = Field(default=1, gt=0)
    save_steps: int = Field(default=20, gt=0)
    bf16: bool = False
    gradient_checkpointing: bool = False
    report_to: Literal["none"] | Tracker | list[Tracker] = "none"

    @model_validator(mode="after")
    def _parts(self) -> "Learning":
        if not self.train:
            raise ValueError(f"train names no part; choose of {', '.join(PARTS)}")
        if self.lora is not None and "language_model" not in self.train:
            raise ValueError("lora trains the language_model; add it to train")
        return self

    def stage(self, name: str) -> Stage:
        """The run as a stage of training: which parts learn, and how."""
        return Stage(
            name=name, objective="answer", train=self.train, max_steps=self.max_steps,
            lora=self.lora,
        )  # fmt: skip
