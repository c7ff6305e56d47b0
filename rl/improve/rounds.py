"""The loop (Facial-R1's third stage, with a stop rule):

    model ─ sample ─► verify against labels ─► grow the corpus ─► tune ─► GRPO ─► measure ─┐
      ▲                                                                                    │
      └────────────── as long as the reward on development people rises ◄──────────────────┘

Every step leaves its own folder, so a killed run goes on where it was.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from facellm.checkpoint import checkpoint_folder
from facellm.core.recipe import claim, dump
from facellm.core.statistics import cluster_mean
from facellm.train.evaluate import held_out
from rl.answerer import Answerer
from rl.improve.gather import ROWS, gather
from rl.improve.recipe import Improvement
from rl.report import questions, report

Row = dict[str, Any]


def improve(recipe: Improvement) -> Path:
    """Run a recipe, see `rl.improve.run`."""
    from facellm.train.stages import train as tune
    from rl.grpo import train as reinforce

    claim(recipe.output_dir, dump(recipe))
    target = recipe.output_dir / "model"
    if target.is_dir():
        print(f"{target} is there already; choose another output_dir to run again", flush=True)
        return target
    start = best = checkpoint_folder(recipe.model_name_or_path)
    before = _develop(recipe, start, recipe.output_dir / "start.json")
    history: list[Row] = [{"round": 0, "develop": before}]
    kept: dict[Path, int] = {}
    print(f"start: development reward {before['value']:.3f}", flush=True)
    for number in range(1, recipe.rounds + 1):
        folder = recipe.folder(number)
        counts = gather(recipe, number, best)
        kept[folder / ROWS] = counts["rows"]
        model = tune(recipe.training(number, best, kept))
        if recipe.reinforce is not None:
            model = reinforce(recipe.reinforcement(number, model))
        after = _develop(recipe, model, folder / "develop.json")
        better = after["value"] > history[-1]["develop"]["value"]
        history.append({"round": number, "develop": after, "corpus": sum(kept.values()), **counts})
        _keep(recipe, history)
        print(
            f"round {number}: {counts['held']} of {counts['answers']} answers hold, "
            f"{sum(kept.values())} rows in all, development reward {after['value']:.3f} "
            f"[{after['low']:.3f}, {after['high']:.3f}]",
            flush=True,
        )
        if recipe.evaluate:
            asked = recipe.reinforcement(number, model)
            asked = asked.model_copy(update={"evaluate": recipe.evaluate, "seed": recipe.seed})
            report(asked, start, model, folder / "report.json")
        if not better:
            print(f"round {number} did not raise it; the model before is the best", flush=True)
            break
        best = model
    shutil.copytree(best, target)
    return target


def _keep(recipe: Improvement, history: list[Row]) -> None:
    text = json.dumps(history, indent=1) + "\n"
    (recipe.output_dir / "rounds.json").write_text(text, encoding="utf-8")


def _develop(recipe: Improvement, model: Path, kept: Path) -> Row:
    """Mean weighted reward of greedy answers to val faces, as an interval over people."""
    if kept.is_file():
        known: Row = json.loads(kept.read_text(encoding="utf-8"))
        return known
    answerer = Answerer(model, use_cpu=recipe.use_cpu)
    totals: list[float] = []
    subjects: list[str] = []
    for corpus in recipe.corpora:
        samples = held_out(corpus.path, recipe.develop, split="val")
        for task in recipe.tasks:
            asked = questions(task, samples)
            texts = answerer(corpus.path, [(t.sample, question) for t, question in asked])
            given = recipe.rubric.totals(
                texts,
                truth=[t.dump() for t, _ in asked],
                completion_ids=answerer.processor.tokenizer(texts)["input_ids"] if texts else [],
            )
            totals += [0.0 if total is None else total for total in given]
            subjects += [t.sample.provenance.subject_id for t, _ in asked]
    found: Row = cluster_mean(subjects, totals).model_dump()
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return found
