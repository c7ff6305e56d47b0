"""The recipe of a preference run: what pairs are made of, and how they are learned from."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from facellm.core.recipe import Part
from facellm.train.recipe import PARTS, Lora, PartName, Stage, Tracker, check_shares
from rl.recipe import TRAINED, Faces
from rl.recipe import Recipe as Reinforcement
from rl.rubric import Rubric

STAGE = "dpo"
"""What the lines of a run's log belong to."""


class Pairing(Part):
    """Which answers are set against each other."""

    of: Literal["answers", "groups"] = "answers"
    """`answers`: the best and the worst answer to one question about one face. `groups`: what the
    model says of one face in two groups, where pictures of a set (`pair` of a sample) differ in
    one group label alone; the group it reads worse is to be answered as the one it reads best."""
    prompts: int = Field(default=400, gt=0)
    """Questions; with `groups`, sets of pictures that are asked one question each."""
    answers: int = Field(default=4, gt=0)
    """Answers to each, with `groups` to each picture."""
    temperature: float = Field(default=1.0, ge=0)
    """0 gives the one greedy answer, for `groups`: then only the group makes a difference."""
    margin: float = Field(default=0.2, gt=0)
    """Least difference of the two rewards, in the units of the rubric's weighted sum; a smaller
    one is a tie."""

    @model_validator(mode="after")
    def _differ(self) -> "Pairing":
        if self.of == "answers" and (self.answers < 2 or self.temperature == 0):
            raise ValueError("pairs of answers need at least 2 answers and a temperature above 0")
        if self.temperature == 0 and self.answers > 1:
            raise ValueError("at temperature 0 all answers are the same; set answers to 1")
        return self


class Preferences(Part):
    """A whole run. Names and meanings are those of `rl.recipe` and TRL where they have them."""

    algorithm: Literal["dpo"]
    output_dir: Path
    seed: int = 0
    threads: int | None = Field(default=None, gt=0)
    """CPU threads; None leaves the choice to torch."""
    model_name_or_path: Path | None = None
    """Folder of a facellm model; None is the one that ships with the package."""
    corpora: list[Faces] = Field(min_length=1)
    tasks: dict[str, float] = Field(default_factory=lambda: {"reasoning": 1.0}, min_length=1)
    """Task → share of the questions."""
    rubric: Rubric
    """What says which answer is better."""
    pairs: Pairing = Pairing()
    train: list[PartName] = Field(default_factory=lambda: list(TRAINED))
    """Parts that learn, of vision_tower, region_encoder, projector and language_model."""
    lora: Lora | None = None
    """Adapters on the language model, which then learns through them alone."""

    loss_type: Literal["sigmoid", "ipo", "hinge"] = "sigmoid"
    """Sigmoid is DPO's own (Rafailov et al., 2023); IPO (Azar et al., 2023), hinge (SLiC)."""
    beta: float = Field(default=0.1, gt=0)
    """How much it costs to leave the start model."""
    sft_weight: float = Field(default=0.0, ge=0)
    """Weight of −log p of the chosen answers' tokens beside it: DPO alone may make both answers
    unlikelier, as long as the rejected one loses more."""
    per_device_train_batch_size: int = Field(default=8, gt=0)
    """Pairs in a forward pass."""
    gradient_accumulation_steps: int = Field(default=1, gt=0)
    max_steps: int = Field(gt=0)
    learning_rate: float = Field(default=1e-5, gt=0)
    lr_scheduler_type: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    warmup_steps: int = Field(default=0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)

    evaluate: int = Field(default=200, ge=0)
    """Held-out faces of each corpus that start and end model are compared on, and as many sets of
    those that have groups; 0 skips it."""
    logging_steps: int = Field(default=1, gt=0)
    save_steps: int = Field(default=20, gt=0)
    bf16: bool = False
    gradient_checkpointing: bool = False
    use_cpu: bool = False
    """Leave a GPU alone."""
    report_to: Literal["none"] | Tracker | list[Tracker] = "none"

    @model_validator(mode="after")
    def _fits(self) -> "Preferences":
        check_shares(self.tasks)
        if not self.train:
            raise ValueError(f"train names no part; choose of {', '.join(PARTS)}")
        if self.lora is not None and "language_model" not in self.train:
            raise ValueError("lora trains the language_model; add it to train")
        return self

    def asking(self) -> Reinforcement:
        """What is asked and measured, as a reinforcement run does it."""
        same = {"output_dir", "seed", "tasks", "evaluate", "use_cpu"}
        return Reinforcement.model_validate(
            self.model_dump(include=same)
            | {
                "corpora": [corpus.model_dump() for corpus in self.corpora],
                "rubric": self.rubric.model_dump(exclude_none=True),
                "max_steps": 1,
            }
        )

    def stage(self) -> Stage:
        """The run as a stage of training: which parts learn, and how."""
        return Stage(
            name=STAGE, objective="answer", train=self.train, max_steps=self.max_steps,
            lora=self.lora,
        )  # fmt: skip
