"""Models on held-out faces: every reward of each, and their paired differences."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.metrics.paired import paired_means
from facellm.core.recipe import check
from facellm.core.sample import Sample
from facellm.core.statistics import cluster_mean
from facellm.train.evaluate import ASKED, held_out
from rl.answerer import Answerer
from rl.recipe import Recipe
from rl.rewards import Truth
from rl.rubric import Rubric

NOT_MEASURED = ("looked", "judge", "length", "repetition")
"""What takes more than an answer and its labels, or says nothing of how good an answer is."""
MEASURED = tuple(name for name in Rubric.model_fields if name not in NOT_MEASURED)
TOTAL = "reward"
Row = dict[str, Any]
Scores = dict[str, NDArray[np.float64]]
"""What is measured → one number an answer, NaN where unscored."""


class Asked(NamedTuple):
    """Questions of one task about held-out faces of one corpus."""

    corpus: Path
    task: str
    questions: list[tuple[Truth, str]]

    @property
    def subjects(self) -> list[str]:
        """Whom each is about."""
        return [truth.sample.provenance.subject_id for truth, _ in self.questions]


def report(recipe: Recipe, start: Path, end: Path, out: Path) -> Row:
    """Compare two checkpoints on the test splits and write the numbers as JSON.

    Answers are greedy. Every reward is measured, paid or not, on the tasks of the recipe and on
    those that a gain must not be bought with; `reward` is the recipe's own sum. Intervals are
    clustered by subject.
    """
    models = [Answerer(path, use_cpu=recipe.use_cpu) for path in (start, end)]
    found: Row = {"start": str(start), "end": str(end)}
    for asked in held_out_questions(recipe):
        before, after = (scores(recipe.rubric, model, asked) for model in models)
        numbers = {name: compared(name, before, after, asked.subjects) for name in before}
        found.setdefault(asked.corpus.name, {})[asked.task] = numbers
        for name, row in numbers.items():
            print(f"{asked.corpus.name} {asked.task} {name}: {in_words(row)}", flush=True)
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def held_out_questions(recipe: Recipe) -> Iterator[Asked]:
    """What a report asks, of each corpus and task with labels; the same every time."""
    for corpus in recipe.corpora:
        samples = held_out(corpus.path, recipe.evaluate, recipe.seed)
        for task in dict.fromkeys((*recipe.tasks, *ASKED)):
            if found := questions(task, samples):
                yield Asked(corpus.path, task, found)


def questions(task: str, samples: Sequence[Sample]) -> list[tuple[Truth, str]]:
    """A question about each sample that has the task's labels, the same every time."""
    truths = [Truth(task=task, sample=sample, seed=n) for n, sample in enumerate(samples)]
    return [(t, e.question) for t in truths if (e := t.exchange()) is not None]


def scores(rubric: Rubric, model: Answerer, asked: Asked) -> Scores:
    """What a model's greedy answers earn: the rubric's sum, and every reward that scores any."""
    texts = model(asked.corpus, [(truth.sample, question) for truth, question in asked.questions])
    rows = [truth.dump() for truth, _ in asked.questions]
    options = rubric.model_dump(exclude_none=True)
    every = check(
        Rubric, {name: options.get(name, {}) | {"weight": 1.0} for name in MEASURED}, "measures"
    )
    ids = model.processor.tokenizer(texts)["input_ids"]
    found = {TOTAL: _column(rubric.totals(texts, truth=rows, completion_ids=ids))}
    for reward in every.rewards():
        found[reward.name] = _column(reward.function(completions=texts, truth=rows))
    return {name: column for name, column in found.items() if not np.isnan(column).all()}


def kept_scores(recipe: Recipe, model: Path, asked: Sequence[Asked], kept: Path) -> list[Scores]:
    """The scores of a model for each of `asked`; those in `kept` are read again if they fit."""
    of = recipe.model_dump(mode="json", include={"rubric", "tasks", "corpora", "evaluate", "seed"})
    of |= {"model": str(model.resolve())}
    if kept.is_file():
        held = json.loads(kept.read_text(encoding="utf-8"))
        if held["of"] == of:
            return [{name: _column(own) for name, own in rows.items()} for rows in held["scores"]]
    answerer = Answerer(model, use_cpu=recipe.use_cpu)
    found = [scores(recipe.rubric, answerer, one) for one in asked]
    plain = [
        {name: [None if np.isnan(x) else float(x) for x in own] for name, own in rows.items()}
        for rows in found
    ]
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    part.write_text(json.dumps({"of": of, "scores": plain}) + "\n", encoding="utf-8")
    part.replace(kept)
    return found


def compared(name: str, before: Scores, after: Scores, subjects: Sequence[str]) -> Row:
    """Means with intervals over people, and the paired difference."""
    columns = before[name], after[name]
    known = ~np.isnan(columns[0])
    kept = [subject for subject, k in zip(subjects, known, strict=True) if k]
    start, end = (cluster_mean(kept, column[known], share=name != TOTAL) for column in columns)
    off = paired_means(columns[1], columns[0], subjects)
    return {
        "start": start.model_dump(), "end": end.model_dump(),
        "difference": off.difference.model_dump(), "p": off.p,
    }  # fmt: skip


def in_words(row: Row) -> str:
    """A comparison as one line."""
    start, end, off = row["start"], row["end"], row["difference"]
    ends = "–" if off["low"] is None else f"{off['low']:+.3f}, {off['high']:+.3f}"
    return (
        f"{start['value']:.3f} → {end['value']:.3f}, difference {off['value']:+.3f} [{ends}] "
        f"(n={start['n']}, p={row['p']:.3f})"
    )


def _column(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values])
