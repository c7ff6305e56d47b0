"""Start and end model on sets of held-out faces that differ in a group alone: who is read worse?

fairness.md     the fairness section of a benchmark's report, for both models
fairness.json   the same numbers, and for each label the spread: how much better the best-read
                picture of a face scores than the worst-read one, before and after
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.fairness import audit
from eval.fairness_report import fairness_section
from eval.metrics.paired import paired_means
from eval.question import Question
from facellm.core.statistics import cluster_mean
from facellm.tasks import TASKS
from facellm.tasks.base import Scored
from rl.answerer import Answerer
from rl.preferences.recipe import Preferences
from rl.preferences.sets import Set, read_sets
from rl.rewards import Truth

Row = dict[str, Any]
Answers = dict[str, Scored[Any]]
"""Id of a sample → its scored answer."""


def fairness(recipe: Preferences, start: Path, end: Path) -> Row:
    """Compare two checkpoints on the sets of the test splits; writes nothing where there are none.

    Answers are greedy. Up to `evaluate` sets of each label and corpus are asked about.
    """
    found: Row = {}
    sections = []
    models: dict[str, Answerer] = {}
    for corpus in recipe.corpora:
        sets = {
            label: own[: recipe.evaluate]
            for label, own in read_sets(corpus.path, "test").items()
            if own
        }
        if not sets:
            continue
        models = models or {
            "start": Answerer(start, use_cpu=recipe.use_cpu),
            "end": Answerer(end, use_cpu=recipe.use_cpu),
        }
        for task in recipe.tasks:
            questions = _questions(corpus.path, sets, task)
            if not questions:
                continue
            told = {name: _answered(model, questions) for name, model in models.items()}
            audits = {
                name: audit(questions, [own[q.sample.id] for q in questions])
                for name, own in told.items()
            }
            spreads = {label: _spread(own, told) for label, own in sets.items()}
            found.setdefault(corpus.path.name, {})[task] = {
                "spread": spreads,
                **{name: [one.model_dump() for one in own] for name, own in audits.items()},
            }
            sections += [f"## {corpus.path.name}, {task}\n", fairness_section(audits)]
            for label, row in spreads.items():
                _show(f"{corpus.path.name} {task} {label}", row)
    if found:
        out = recipe.output_dir
        (out / "fairness.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (out / "fairness.md").write_text("\n".join(sections), encoding="utf-8")
    return found


def _questions(folder: Path, sets: dict[str, list[Set]], task: str) -> list[Question]:
    """One question about each picture, the same for all of a set."""
    found = []
    for label in sets:
        for n, own in enumerate(sets[label]):
            for sample in own:
                exchange = Truth(task=task, sample=sample, seed=n).exchange()
                if exchange is not None:
                    asked = Question(
                        f"{sample.id}/1", sample, 1, folder, exchange.question, exchange.answer
                    )
                    found.append(asked._replace(task=task))
    return found


def _answered(model: Answerer, questions: Sequence[Question]) -> Answers:
    texts = model(questions[0].corpus, [(q.sample, q.text) for q in questions])
    return {
        q.sample.id: TASKS[q.task].scored(text, q.gold, q.subject_id)
        for q, text in zip(questions, texts, strict=True)
    }


def _spread(sets: Sequence[Set], told: dict[str, Answers]) -> Row:
    """Best minus worst score of a face's pictures, of both models, and the paired difference."""
    values: dict[str, list[float]] = {name: [] for name in told}
    subjects = []
    for own in sets:
        scores = {
            name: [answers[s.id].score.value for s in own if s.id in answers]
            for name, answers in told.items()
        }
        if any(len(v) < 2 or None in v for v in scores.values()):
            continue
        subjects.append(own[0].provenance.subject_id)
        for name, v in scores.items():
            values[name].append(max(v) - min(v))
    if not subjects:
        return {}
    compared = paired_means(values["end"], values["start"], subjects)
    return {
        "start": cluster_mean(subjects, values["start"], share=True).model_dump(),
        "end": cluster_mean(subjects, values["end"], share=True).model_dump(),
        "difference": compared.difference.model_dump(),
        "p": compared.p,
    }


def _show(name: str, row: Row) -> None:
    if row:
        off = row["difference"]
        ends = "–" if off["low"] is None else f"{off['low']:+.3f}, {off['high']:+.3f}"
        print(
            f"{name}: a face's best picture scores {row['start']['value']:.3f} more than its worst "
            f"→ {row['end']['value']:.3f}, difference {off['value']:+.3f} [{ends}] "
            f"(n={off['n']})",
            flush=True,
        )
