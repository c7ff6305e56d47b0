"""`facellm eval RECIPE`: ask, keep every answer, score, report.

benchmarks × models ─▶ answers/<benchmark>/<model>.jsonl     (appended; a rerun asks the rest)
                          └─▶ samples.parquet, results.json, report.md, figures/
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from eval.benchmark import Benchmark
from eval.confidence import calibration_metrics
from eval.extras import extra_metrics, grounds
from eval.fairness import audit
from eval.looks import draw_looks
from eval.models.guess import Guess
from eval.models.stored import Stored
from eval.occlusion import explain, hidden_questions, occludes, occlusion_metrics
from eval.question import Question
from eval.recipe import Recipe
from eval.score import Result, rows_of, score_answers, summarise
from eval.store import AnswerStore
from facellm.core.recipe import claim, dump, load

GUESSES: tuple[Literal["majority", "shuffled"], ...] = ("majority", "shuffled")


def run(recipe_path: Path, overrides: Sequence[str] = (), dry_run: bool = False) -> Path | None:
    """Run a recipe, or what is left of it; returns the run's folder, None for a dry run.

    Raises:
        FaceLLMError: a mistake in the recipe, its corpora or predictions, or an endpoint that is
            gone; answers that came before are kept.
    """
    recipe = load(Recipe, recipe_path, overrides)
    resolved = dump(recipe)
    if dry_run:
        print(resolved, end="")
        return None
    folder = recipe.output_dir
    claim(folder, resolved)
    results, rows, questions = [], [], {}
    about = next(iter(recipe.models))
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    for benchmark in recipe.expanded():
        questions[benchmark.name] = _questions(benchmark, recipe.limit)
        for name, model in _models(recipe, benchmark):
            asked = questions[benchmark.name]
            result, part = evaluate(benchmark, asked, name, model, folder, recipe.occluded)
            results.append(result)
            rows += part
            print(_line(result), flush=True)
            if name == about and grounds(benchmark, model):
                path = figures / f"{benchmark.name}-looks.png"
                draw_looks(model.reader(), questions[benchmark.name], path)
    write_results(folder, results, rows)
    from eval.report import write_report

    write_report(folder, recipe, results, rows, questions)
    return folder


def evaluate(
    benchmark: Benchmark,
    questions: list[Question],
    name: str,
    model: Any,
    folder: Path,
    occluded: int = 24,
) -> tuple[Result, list[dict[str, Any]]]:
    """One model on one benchmark: ask what has no answer yet, then score all.

    Args:
        benchmark: what is asked.
        questions: its own.
        name: of the model in results.
        model: see `eval.models.base.Model`.
        folder: of the run; answers are kept in it.
        occluded: faces whose parts are hidden where the benchmark says `grounding: occlusion`.
    """
    store = _answered(model, questions, folder / "answers" / benchmark.name / f"{name}.jsonl")
    scored = score_answers(benchmark.task, questions, store.answers)
    result = summarise(name, benchmark.name, benchmark.task, questions, store.answers, scored)
    failures, probable = calibration_metrics(benchmark.task, questions, store.answers)
    metrics = {**result.metrics, **extra_metrics(benchmark, questions, scored, model), **probable}
    if occludes(benchmark, model):
        hidden = hidden_questions(questions, occluded)
        path = folder / "answers" / f"{benchmark.name}-hidden" / f"{name}.jsonl"
        heard = score_answers(benchmark.task, hidden, _answered(model, hidden, path).answers)
        numbers = occlusion_metrics(explain(questions, scored, hidden, heard))
        metrics |= {f"occlusion_{key}": value for key, value in numbers.items()}
    more = {
        "metrics": metrics,
        "failures": {**result.failures, **failures},
        "fairness": tuple(audit(questions, scored)),
        "extra_rows": len(model.extra_rows(questions)) if isinstance(model, Stored) else 0,
    }
    result = result.model_copy(update=more)
    return result, rows_of(name, benchmark.name, questions, store.answers, scored)


def _answered(model: Any, questions: list[Question], path: Path) -> AnswerStore:
    """What was answered before, and the answers to what was not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store = AnswerStore(path)
    missing = store.missing(questions)
    if missing:
        whole = questions if isinstance(model, Stored) else missing
        asyncio.run(_ask(model, whole, store, f"{path.parent.name} · {path.stem}"))
    return store


async def _ask(model: Any, questions: list[Question], store: AnswerStore, title: str) -> None:
    known = {question.id for question in questions}
    missing = {question.id for question in store.missing(questions)}
    with tqdm(total=len(questions), desc=title, unit="q", disable=None) as bar:
        async for answer in model.answers(questions):
            assert answer.id in known, "a model answers what it was asked"
            if answer.id in missing:
                store.add(answer)
            bar.update()


def _questions(benchmark: Benchmark, limit: int | None) -> list[Question]:
    if limit is not None and (benchmark.limit is None or limit < benchmark.limit):
        benchmark = benchmark.model_copy(update={"limit": limit})
    return benchmark.questions()


def _models(recipe: Recipe, benchmark: Benchmark) -> Iterator[tuple[str, Any]]:
    blind = Guess, Stored  # what they say is the same however the pictures are spoilt
    for name, model in recipe.models.items():
        if benchmark.corruption and isinstance(model, blind):
            continue
        if not recipe.asks(name, benchmark.name):
            continue
        if isinstance(model, Guess):
            model = model.model_copy(update={"task": benchmark.task})
        yield name, model
    if recipe.guesses and not benchmark.corruption:
        for kind in GUESSES:
            if kind not in recipe.models:
                yield kind, Guess(kind=kind, task=benchmark.task)


def write_results(folder: Path, results: Sequence[Result], rows: list[dict[str, Any]]) -> None:
    """Write `results.json` and `samples.parquet`, each at once."""
    import pyarrow
    import pyarrow.parquet

    summary = {
        "complete": not any(result.partial for result in results),
        "results": [result.model_dump(mode="json") for result in results],
    }
    part = folder / "results.json.part"
    part.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    table = pyarrow.Table.from_pylist(rows)
    pyarrow.parquet.write_table(table, folder / "samples.parquet.part")
    (folder / "samples.parquet.part").replace(folder / "samples.parquet")
    part.replace(folder / "results.json")


def _line(result: Result) -> str:
    shown = [f"{name} {interval}" for name, interval in result.metrics.items() if "/" not in name]
    notes = f" PARTIAL: {result.answered} of {result.asked} answered" if result.partial else ""
    unparsed = f" unparsed {result.unparsed}" if result.unparsed else ""
    return f"{result.benchmark} · {result.model}: {'; '.join(shown)}{unparsed}{notes}"
