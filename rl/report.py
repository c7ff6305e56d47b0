"""Start and end model on held-out faces, every reward of both, and their paired difference."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.metrics.paired import paired_means
from facellm.core.recipe import check
from facellm.core.sample import Sample
from facellm.core.statistics import cluster_mean
from facellm.train.evaluate import ASKED, Answerer, held_out
from rl.recipe import Recipe
from rl.rewards import Truth
from rl.rubric import Rubric

MEASURED = (
    "score", "au_f1", "au_intensity", "expression", "format", "consistency", "grounding",
    "hallucination", "affective_tree", "caption_facts", "choice", "attributes", "age",
)  # fmt: skip
Row = dict[str, Any]


def report(recipe: Recipe, start: Path, end: Path, out: Path) -> Row:
    """Compare two checkpoints on the test splits and write the numbers as JSON.

    Answers are greedy. Every reward is measured, paid or not, on the tasks of the recipe and on
    those that a gain must not be bought with. Intervals are clustered by subject.
    """
    options = recipe.rubric.model_dump(exclude_none=True)
    measured = {name: options.get(name, {}) | {"weight": 1.0} for name in MEASURED}
    rubric = check(Rubric, measured, "measures")
    models = [Answerer(start), Answerer(end)]
    found: Row = {"start": str(start), "end": str(end)}
    for corpus in recipe.corpora:
        samples = held_out(corpus.path, recipe.evaluate, recipe.seed)
        tasks: Row = {}
        for task in dict.fromkeys((*recipe.tasks, *ASKED)):
            numbers = _task(rubric, models, corpus.path, samples, task)
            if numbers:
                tasks[task] = numbers
                _show(corpus.path.name, task, numbers)
        found[corpus.path.name] = tasks
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def questions(task: str, samples: Sequence[Sample]) -> list[tuple[Truth, str]]:
    """A question about each sample that has the task's labels, the same every time."""
    truths = [Truth(task=task, sample=sample, seed=n) for n, sample in enumerate(samples)]
    return [(t, e.question) for t in truths if (e := t.exchange()) is not None]


def _task(
    rubric: Rubric, models: Sequence[Answerer], corpus: Path, samples: Sequence[Sample], task: str
) -> Row:
    asked = questions(task, samples)
    if not asked:
        return {}
    subjects = [truth.sample.provenance.subject_id for truth, _ in asked]
    rows = [truth.dump() for truth, _ in asked]
    texts = [model(corpus, [(t.sample, question) for t, question in asked]) for model in models]
    numbers: Row = {}
    for reward in rubric.rewards():
        columns = [
            np.array(
                [np.nan if v is None else v for v in reward.function(completions=own, truth=rows)]
            )
            for own in texts
        ]
        known = ~np.isnan(columns[0])
        if known.any():
            kept = [subject for subject, k in zip(subjects, known, strict=True) if k]
            before, after = (cluster_mean(kept, column[known], share=True) for column in columns)
            compared = paired_means(columns[1], columns[0], subjects)
            numbers[reward.name] = {
                "start": before.model_dump(),
                "end": after.model_dump(),
                "difference": compared.difference.model_dump(),
                "p": compared.p,
            }
    return numbers


def _show(corpus: str, task: str, numbers: Row) -> None:
    for name, row in numbers.items():
        start, end, off = row["start"], row["end"], row["difference"]
        ends = "–" if off["low"] is None else f"{off['low']:+.3f}, {off['high']:+.3f}"
        print(
            f"{corpus} {task} {name}: {start['value']:.3f} → {end['value']:.3f}, "
            f"difference {off['value']:+.3f} [{ends}] (n={start['n']}, p={row['p']:.3f})",
            flush=True,
        )
