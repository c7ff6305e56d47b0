"""The prompts of a run: question, picture with its landmarks, and what the rewards need.

Row n of a run is the same however often the run is resumed: everything about it is drawn from
(seed, n).
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Sample, read_samples
from facellm.faces import load_image
from rl.recipe import Recipe
from rl.rewards import Truth
from rl.rewards.truth import Completion

LANDMARKS = "landmarks"
"""Key in a picture's `info` under which its faces' points (F, 68, 2) travel to the processor."""
TRIES = 50
"""Faces drawn in search of one with labels that the drawn task can ask about."""
LOOKED_AT = 64
"""Rows on which every reward must find labels somewhere."""

LATER = ("looked",)
"""Rewards that are told more than labels, when the model answers."""

Row = dict[str, Any]
Split = Literal["train", "test"]


def with_landmarks(image: Image.Image, sample: Sample) -> Image.Image:
    """The picture, carrying the points of its faces: trainers pass pictures on and nothing else."""
    image.info[LANDMARKS] = np.array([f.points for f in sample.faces], np.float32)
    return image


class Prompts:
    """Rows with `prompt`, `images`, `task` and `truth`, drawn from a split of corpora.

    With a pool, row n is row n modulo the pool's size.

    Raises:
        FaceLLMError: a corpus without faces in the split, or a task whose labels no face has.
    """

    def __init__(self, recipe: Recipe, count: int, split: Split = "train") -> None:
        self.seed, self.count = recipe.seed, count
        self.pool = recipe.pool
        self.folders = [corpus.path for corpus in recipe.corpora]
        self.samples = [_of_split(corpus.path, split, corpus.limit) for corpus in recipe.corpora]
        self.weights = [corpus.weight for corpus in recipe.corpora]
        self.tasks = recipe.tasks

    def __len__(self) -> int:
        return self.count

    def truth(self, index: int) -> tuple[Path, Truth]:
        """The corpus and the question of a row."""
        rng = random.Random(f"{self.seed} {index % self.pool if self.pool else index}")
        task = rng.choices(list(self.tasks), list(self.tasks.values()))[0]
        for _ in range(TRIES):
            corpus = rng.choices(range(len(self.samples)), self.weights)[0]
            sample = rng.choice(self.samples[corpus])
            face = rng.randint(1, len(sample.faces))
            truth = Truth(task=task, sample=sample, face=face, seed=rng.getrandbits(32))
            if truth.exchange() is not None:
                return self.folders[corpus], truth
        raise FaceLLMError(
            f"{TRIES} faces in a row have no label that task {task} asks about; "
            "take it out of tasks, or give the corpora that have these labels more weight"
        )

    def __getitem__(self, index: int) -> Row:
        folder, truth = self.truth(index)
        exchange = truth.exchange()
        assert exchange is not None, "a row is drawn with its labels"
        image = load_image(folder / truth.sample.image)
        return {
            "prompt": [{"role": "user", "content": exchange.question}],
            "images": [with_landmarks(image, truth.sample)],
            "task": truth.task,
            "truth": truth.dump(),
        }


class Slots:
    """Rows that hold their number alone: a schedule says what is asked when their turn comes."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Row:
        return {"row": index}


def _of_split(folder: Path, split: Split, limit: int | None) -> list[Sample]:
    """Pictures of a split, each with the faces that have points."""
    kept = []
    for sample in read_samples(folder):
        faces = [face for face in sample.faces if face.points is not None]
        if sample.split == split and faces:
            kept.append(sample.model_copy(update={"faces": faces}))
        if len(kept) == limit:
            break
    if not kept:
        raise FaceLLMError(f"corpus {folder} has no face with landmarks in its {split} split")
    return kept


def check_labels(recipe: Recipe, prompts: Prompts) -> None:
    """See that every reward of the rubric is scored on some row.

    Raises:
        FaceLLMError: a reward that finds no labels.
    """
    truths = [prompts.truth(index)[1] for index in range(min(LOOKED_AT, len(prompts)))]
    golds: Sequence[Completion] = [truth.exchange().text for truth in truths]  # type: ignore[union-attr]
    ids = [[0]] * len(golds)
    for reward in recipe.rubric.rewards():
        if reward.name in LATER:
            continue
        given = reward.function(
            completions=golds, truth=[t.dump() for t in truths], completion_ids=ids
        )
        if all(value is None for value in given):
            raise FaceLLMError(
                f"rubric.{reward.name}: none of {len(truths)} prompts has the labels it needs, "
                f"or tasks {', '.join(recipe.tasks)} do not state it; take it out of the rubric, "
                "or add a corpus or task that has them"
            )
