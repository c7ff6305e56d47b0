"""The recipe of a training run: what it may hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from facellm.core.recipe import Part, check, read
from facellm.faces.clips import FRAMES
from facellm.tasks import TASKS

PartName = Literal["vision_tower", "region_encoder", "readings", "projector", "language_model"]
PARTS: tuple[PartName, ...] = get_args(PartName)
"""What the model is made of, in the order in which a picture passes through it."""
SEEING: tuple[PartName, ...] = ("vision_tower", "region_encoder")
"""What turns pictures into region tokens; while it rests, what it has seen can be kept."""
Tracker = Literal["tensorboard", "wandb", "trackio"]

TASK_WEIGHTS: dict[str, float] = {
    "reasoning": 4, "action_units": 4, "expression": 2, "caption": 3, "region_question": 2,
}  # fmt: skip
"""The mixture of questions where a stage names none."""


def check_shares(tasks: Mapping[str, float]) -> None:
    """See that a mixture of questions can be drawn from.

    Raises:
        ValueError: an unknown task, a share below 0, or none above it.
    """
    unknown = sorted(tasks.keys() - TASKS.keys())
    if unknown:
        raise ValueError(f"no task {unknown[0]!r}; there are {', '.join(TASKS)}")
    if min(tasks.values()) < 0 or not sum(tasks.values()):
        raise ValueError("the shares of tasks are positive numbers")


class Corpus(Part):
    """Something to learn from: a folder of samples, or rows of finished conversations."""

    path: Path | None = None
    """Folder with `samples.jsonl`, which the tasks ask about; its train split is trained on."""
    rows: Path | None = None
    """Conversations instead: the folder of a data-engine run, its parquet export, or a `.jsonl`
    of `messages` or ShareGPT `conversations`, see `facellm.train.rows`."""
    samples: Path | None = None
    """Folder whose `samples.jsonl` has the landmarks of the rows' pictures."""
    tasks: list[str] | None = None
    """Of `rows`, keep those of these tasks alone."""
    exact: Path | None = None
    """Folder of the same pictures with exact points, where those of `path` were found: what
    `placing` teaches. Left out, the points of `path` are taken to be exact."""
    frames: int = Field(default=FRAMES, gt=0)
    """Of a clip of `rows`, show at most so many, spread evenly."""
    weight: float = Field(default=1.0, ge=0)
    """Share of the draws, relative to the other corpora."""
    limit: int | None = Field(default=None, gt=0)
    """Use only the first so many training faces, or rows."""
    balance: float = Field(default=0.0, ge=0, le=1)
    """0 draws faces alike, 1 draws every expression equally often, 0.5 lies between."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Corpus":
        if (self.path is None) == (self.rows is None):
            raise ValueError("name either path (samples) or rows (conversations)")
        if self.path is not None and (self.samples or self.tasks):
            raise ValueError("samples and tasks belong to rows; stages name the tasks of a path")
        if self.rows is not None and self.exact:
            raise ValueError("exact belongs to a path of samples; rows teach no points")
        return self


class Model(Part):
    """What to build when no model is given to start from."""

    tower: dict[str, Any] | str
    """open_clip `vision_cfg`, or the name of one of its models."""
    tower_weights: str | None = None
    """With a name: the weights to start from, a file or one of open_clip's tags."""
    layer: int = -1
    """Block or stage of the tower whose output is used."""
    vision: dict[str, Any] = Field(default_factory=dict)
    """Options of the face-region encoder, see `FaceVisionConfig`."""
    text: dict[str, Any] | Path
    """Configuration of a causal language model of transformers, with its `model_type`; or the
    folder of a trained one, which brings its own tokenizer."""
    vocab_size: int = 2048
    """Of the tokenizer that is learned from the tasks' texts."""
    tokenizer_texts: int = Field(default=20_000, gt=0)
    """Exchanges the tokenizer is learned from."""


class Lora(Part):
    """Low-rank adapters on the language model (Hu et al., 2021), by peft and in its words."""

    rank: int = Field(default=16, gt=0)
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    target: str | list[str] = "all-linear"
    """Names of linear layers, a regular expression, or all of them."""
    merge: bool = True
    """False leaves the language model alone and saves the adapter beside it, in `adapter`."""


class Stage(Part):
    """One stage of training; a stage of 0 steps is skipped."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    objective: Literal["see", "answer"]
    """`see`: action units, expression and pose are learned from labels, through the model's
    readings or heads that are thrown away; `answer`: the language model learns to answer."""
    train: list[PartName] = Field(default_factory=list)
    """Parts that learn, the others rest; left out, `see` trains what sees, `answer` what speaks.
    Readings learn with the region encoder, or alone."""
    max_steps: int = Field(ge=0)
    per_device_train_batch_size: int = Field(default=64, gt=0)
    gradient_accumulation_steps: int = Field(default=1, gt=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    learning_rates: dict[PartName, float] = Field(default_factory=dict)
    """Of single parts, instead of `learning_rate`."""
    lr_scheduler_type: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_ratio: float = Field(default=0.05, ge=0, le=1)
    weight_decay: float = 0.05
    lora: Lora | None = None
    tasks: dict[str, float] = Field(default_factory=lambda: dict(TASK_WEIGHTS), min_length=1)
    """Task → share of the questions asked about samples."""
    weights: list[float] | None = None
    """Shares of the corpora in this stage, instead of their own."""
    max_length: int | None = Field(default=None, gt=0)
    """Longest conversation in tokens; longer ones stop the run, nothing is ever cut."""
    group_by_length: bool = False
    """Make batches of conversations of similar length, so that little is padded."""
    cached_views: int = Field(default=0, ge=0)
    """Where the seeing parts rest: see this many augmented versions of each face, each once; 0
    sees every face anew."""
    placing: float = Field(default=0.0, ge=0)
    """Of objective `see`: weight of the loss of the 68 exact points, which a model with `refine`
    learns to correct its points by; of other models, a head that is thrown away learns to read the
    points off the region tokens. 0 leaves it out."""
    told: float = Field(default=0.0, ge=0, le=1)
    """Share of the faces whose action units are told to the language model as they are labelled,
    not as they are read: it learns to say what it is told, whatever the readings still get wrong.
    With `cached_views`."""
    made_up: float = Field(default=0.0, ge=0, le=1)
    """Share of the faces of which random facts are told, and answers made of these: it learns to
    say what it is told, whatever usually goes together. With `told`."""
    cache_gib: float = Field(default=2.0, gt=0)
    """Memory for what was seen; what no longer fits is seen anew."""
    logging_steps: int = Field(default=20, gt=0)
    save_steps: int = Field(default=200, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _default_parts(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("train"):
            see = data.get("objective") == "see"
            return data | {"train": SEEING if see else ("projector", "language_model")}
        return data

    @model_validator(mode="after")
    def _fits(self) -> "Stage":
        check_shares(self.tasks)
        if self.objective == "see":
            self._fits_seeing()
        elif self.placing:
            raise ValueError("placing is for objective see, which knows where points are")
        idle = sorted(self.learning_rates.keys() - set(self.train))
        if idle:
            raise ValueError(f"learning_rates names {idle[0]}, which this stage does not train")
        if self.lora is not None and "language_model" not in self.train:
            raise ValueError("lora trains the language_model; add it to train")
        if self.cached_views and set(SEEING) & set(self.train):
            raise ValueError("cached_views needs vision_tower and region_encoder at rest")
        if self.told and not (self.objective == "answer" and self.cached_views):
            raise ValueError("told is for answer with cached_views; set cached_views to 1 or more")
        if self.made_up and not self.told:
            raise ValueError("made_up is for answers that are told; set told to more than 0")
        return self

    def _fits_seeing(self) -> None:
        if set(self.train) - {*SEEING, "readings"}:
            raise ValueError(
                f"a stage of objective see trains {', '.join(SEEING)} and readings alone"
            )
        if self.lora or self.group_by_length or self.max_length:
            raise ValueError("lora, group_by_length and max_length are for answer")


class Recipe(Part):
    """A whole run: what it reads, builds and does."""

    output_dir: Path
    seed: int = 0
    threads: int | None = None
    """CPU threads; None leaves the choice to torch."""
    corpora: list[Corpus] = Field(min_length=1)
    model_name_or_path: Path | None = None
    """Folder of a facellm model to go on from."""
    model: Model | None = None
    """What to build where there is none to go on from."""
    stages: list[Stage] = Field(min_length=1)
    evaluate: int = 200
    """Held-out faces of each corpus of samples to answer for at the end; 0 skips it."""
    bf16: bool = False
    """Compute in bfloat16; weights stay in float32."""
    gradient_checkpointing: bool = False
    """Compute activations of the language model twice instead of keeping them."""
    deepspeed: Literal[0, 2, 3] = 0
    """ZeRO stage, for runs of several processes."""
    fsdp: bool = False
    """Shard parameters, gradients and optimiser among the processes (PyTorch FSDP2)."""
    use_cpu: bool = False
    """Leave a GPU alone."""
    dataloader_num_workers: int = Field(default=2, ge=0)
    """Threads that prepare batches while a GPU computes; a CPU has no time to spare for them."""
    report_to: Literal["none"] | Tracker | list[Tracker] = "none"

    @model_validator(mode="after")
    def _fits(self) -> "Recipe":
        if (self.model is None) == (self.model_name_or_path is None):
            raise ValueError("name either model_name_or_path (go on) or model (build)")
        if self.deepspeed and self.fsdp:
            raise ValueError("deepspeed and fsdp shard the same things; choose one")
        twice = [n for n, count in Counter(s.name for s in self.stages).items() if count > 1]
        if twice:
            raise ValueError(f"two stages are called {twice[0]!r}")
        for stage in self.stages:
            shares = self.shares(stage)
            if len(shares) != len(self.corpora):
                raise ValueError(
                    f"stage {stage.name} has {len(shares)} weights for {len(self.corpora)} corpora"
                )
            if min(shares) < 0 or not sum(shares):
                raise ValueError(f"stage {stage.name} draws from no corpus; a weight must be > 0")
        for stage in self.stages[:-1]:
            if stage.lora and not stage.lora.merge:
                raise ValueError(f"stage {stage.name}: only the last stage can keep its adapter")
        return self

    def shares(self, stage: Stage) -> list[float]:
        """Each corpus's share of a stage; `see` reads labels, which rows do not have."""
        shares = stage.weights or [corpus.weight for corpus in self.corpora]
        if stage.objective == "see" and len(shares) == len(self.corpora):
            pairs = zip(shares, self.corpora, strict=True)
            shares = [0.0 if corpus.path is None else share for share, corpus in pairs]
        return shares


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a training recipe; a stage is named by its name: `stages.see.max_steps=100`.

    Arguments and errors are those of `facellm.core.recipe.load`.
    """
    stages = read(path).get("stages")
    names = (
        [s.get("name") for s in stages if isinstance(s, dict)] if isinstance(stages, list) else []
    )
    numbered = [_numbered(override, names) for override in overrides]
    return check(Recipe, read(path, numbered), f"recipe {path}")


def _numbered(override: str, names: Sequence[Any]) -> str:
    """Places in lists are numbers; `stages.see.…` becomes `stages.0.…`."""
    head, dot, rest = override.partition(".")
    name, inner, key = rest.partition(".")
    if head == "stages" and dot and inner and name in names:
        return f"stages.{names.index(name)}.{key}"
    return override
