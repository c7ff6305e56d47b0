"""Arms that answer: language models over the same resting eyes, asked about held-out faces.

    eyes (an arm's stage, or a model) ─► STAGE.pt, done ─► stage `answer` ─► model/ ─► answers.json

What sees is copied, not trained, so that arms differ in what they learned to say alone.
"""

import json
import math
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import AutoModelForImageTextToText

from facellm.checkpoint import checkpoint_folder
from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError
from facellm.core.recipe import claim, dump
from facellm.core.sample import Sample
from facellm.tasks import TASKS
from facellm.train.checkpoint import Checkpoint
from facellm.train.crops import UNITS, UNKNOWN, intensities
from facellm.train.evaluate import Answerer
from facellm.train.recipe import Recipe, Stage
from facellm.train.stages import train

NOTHING_SAID = -2
"""Class of an answer that names no emotion: wrong, whatever is right."""


@dataclass(frozen=True)
class SpokenArm:
    """What is different about one arm that answers."""

    name: str
    vision: Mapping[str, Any] = field(default_factory=dict)
    """Options of `FaceVisionConfig` in place of the recipe's."""
    stage: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the recipe's first `answer` stage in place of its own."""
    asked: str = "expression"
    """The task that is asked for the expression."""

    @property
    def folder(self) -> str:
        return self.name.replace(",", "").replace(" ", "-")


def spoken_recipe(recipe: Recipe, arm: SpokenArm, folder: Path, steps: int) -> Recipe:
    """The recipe of an arm: its first stage of each objective, in a folder of its own.

    Raises:
        FaceLLMError: a recipe that builds no model, or lacks one of the two stages.
    """
    stages: dict[str, Stage] = {}
    for stage in recipe.stages:
        stages.setdefault(stage.objective, stage)
    if recipe.model is None or stages.keys() != {"see", "answer"}:
        raise FaceLLMError(
            "arms that answer need a recipe that builds a model, with a stage of objective see and "
            "one of objective answer"
        )
    speak = stages["answer"].model_dump() | {"max_steps": steps} | dict(arm.stage)
    model = recipe.model.model_copy(update={"vision": {**recipe.model.vision, **arm.vision}})
    update: dict[str, Any] = {"output_dir": folder, "model": model, "evaluate": 0}
    update["stages"] = [stages["see"], Stage.model_validate(speak)]
    return recipe.model_copy(update=update)


def eyes_of(model: Path) -> dict[str, Tensor]:
    """What sees in a trained model, by its name in a stage's checkpoint."""
    loaded = AutoModelForImageTextToText.from_pretrained(
        checkpoint_folder(model), dtype=torch.float32
    )
    if not hasattr(getattr(loaded, "model", None), "vision"):
        raise FaceLLMError(f"{model} is no facellm model; its eyes cannot be taken")
    state = loaded.model.vision.state_dict()
    return {f"vision.{k}": v for k, v in state.items() if not k.startswith("projector.")}


def train_spoken(recipe: Recipe, eyes: Path) -> Path:
    """The model folder of an arm, trained where it is not yet.

    Args:
        recipe: see `spoken_recipe`.
        eyes: checkpoint of a finished stage `see`, which this arm starts after.
    """
    folder, see = recipe.output_dir, recipe.stages[0]
    claim(folder, dump(recipe))
    if (folder / "model" / "config.json").is_file():
        return folder / "model"
    mine = Checkpoint(folder, see.name).path
    if not mine.is_file():
        part = mine.with_suffix(".part")
        shutil.copyfile(eyes, part)
        part.replace(mine)
    print(f"training {folder.name}", flush=True)
    return train(recipe)


def expressions(folder: Path, corpus: Path, samples: Sequence[Sample], task: str) -> Tensor:
    """The emotion that a model names for each face, as an index; `NOTHING_SAID` for none."""
    said = [_parsed(task, text) for text in _answers(folder, corpus, samples, task)]
    names = [getattr(answer, "emotion", None) for answer in said]
    return torch.tensor([EMOTIONS.index(n) if n else NOTHING_SAID for n in names])


def intensities_said(folder: Path, corpus: Path, samples: Sequence[Sample]) -> Tensor:
    """The intensities (N, 23) that a model states when asked for all units; 0 where it does not."""
    task = "action_units"
    said = [_parsed(task, text) for text in _answers(folder, corpus, samples, task)]
    units = [getattr(answer, "units", {}) for answer in said]
    return torch.tensor([[float(one.get(number, 0.0)) for number in UNITS] for one in units])


def _parsed(task: str, text: str) -> Any:
    return TASKS[task].parse(text)


def _answers(folder: Path, corpus: Path, samples: Sequence[Sample], task: str) -> list[str]:
    """Answers to the task's plain question, kept beside the model."""
    path = folder.parent / f"answers-{corpus.name}-{task}.json"
    ids = [sample.id for sample in samples]
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if [row["id"] for row in kept] == ids:
            return [row["answer"] for row in kept]
    question = TASKS[task].canonical_question()
    texts = Answerer(folder)(corpus, [(sample, question) for sample in samples])
    rows = [{"id": i, "answer": text} for i, text in zip(ids, texts, strict=True)]
    part = path.with_suffix(".part")
    part.write_text(json.dumps(rows, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
    return texts


def askable(samples: Sequence[Sample], tasks: Sequence[str]) -> list[Sample]:
    """Those of single faces whose labels all of the tasks can ask about."""
    rng = random.Random(0)
    return [s for s in samples if all(TASKS[t].target(s, rng) is not None for t in tasks)]


def known_of(samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
    """Intensities (N, 23), NaN where unlabelled, and emotion (N,) of single faces."""
    labels = [sample.faces[0].labels for sample in samples]
    units = torch.tensor([intensities(label.action_units) for label in labels])
    emotion = [EMOTIONS.index(la.emotion) if la.emotion else UNKNOWN for la in labels]
    return units, torch.tensor(emotion)


def weights_in(model: Path) -> int:
    """How many numbers a model folder holds."""
    with safe_open(model / "model.safetensors", "pt") as file:
        names = list(file.keys())
        return sum(math.prod(file.get_slice(name).get_shape()) for name in names)
