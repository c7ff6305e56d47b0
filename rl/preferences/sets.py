"""Pictures of one face that differ in one group label alone, and one question about all of them."""

import random
from collections.abc import Iterable
from pathlib import Path

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Sample, read_samples
from facellm.core.splits import Split
from rl.improve.gather import Asked
from rl.recipe import Recipe
from rl.rewards import Truth

Set = list[Sample]


def read_sets(folder: Path, split: Split) -> dict[str, list[Set]]:
    """Group label → sets of single faces with points, two pictures or more each.

    A set are the samples of one `pair` whose face has one and the same label under `groups`.
    """
    found: dict[str, dict[str, Set]] = {}
    for sample in read_samples(folder):
        if sample.pair is None or sample.split != split or len(sample.faces) != 1:
            continue
        face = sample.faces[0]
        for label in face.labels.groups or {} if face.points is not None else {}:
            found.setdefault(label, {}).setdefault(sample.pair, []).append(sample)
    return {label: [own for own in sets.values() if len(own) > 1] for label, sets in found.items()}


def drawn_sets(recipe: Recipe, count: int) -> list[list[Asked]]:
    """The same question about every picture of a set, for `count` sets, or all there are.

    Raises:
        FaceLLMError: corpora without sets in their train split, or without a task's labels.
    """
    every = [
        (corpus.path, own)
        for corpus in recipe.corpora
        for sets in read_sets(corpus.path, "train").values()
        for own in sets
    ]
    if not every:
        raise FaceLLMError(
            f"corpora {', '.join(str(c.path) for c in recipe.corpora)} have no sets of pictures "
            "that differ in a group label alone in their train split; make some by "
            "`python -m data_engine.rig.groups`, or choose pairs.of answers"
        )
    rng = random.Random(recipe.seed)
    rng.shuffle(every)
    tasks, shares = list(recipe.tasks), list(recipe.tasks.values())
    found = []
    for n, (folder, own) in enumerate(every[:count]):
        task, seed = rng.choices(tasks, shares)[0], rng.getrandbits(32)
        asked = _asked(f"set-{n:06}", folder, own, task, seed)
        found += [asked] if asked else []
    if not found:
        raise FaceLLMError(
            f"no set has the labels that {', '.join(tasks)} ask about; choose other tasks"
        )
    return found


def _asked(name: str, folder: Path, own: Iterable[Sample], task: str, seed: int) -> list[Asked]:
    """The question about each picture; none where it or its answer is not the same for all."""
    truths = [Truth(task=task, sample=sample, seed=seed) for sample in own]
    exchanges = [truth.exchange() for truth in truths]
    asked = [
        Asked(f"{name}-{n}", folder, truth, exchange.question)
        for n, (truth, exchange) in enumerate(zip(truths, exchanges, strict=True))
        if exchange is not None
    ]
    alike = {(e.question, e.text) for e in exchanges if e is not None}
    return asked if len(asked) > 1 and len(alike) == 1 else []
