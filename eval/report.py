"""`report.md`: the numbers with their intervals, what could not be read, and pictures of both."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.differences import adjusted, paired_difference, shown_p
from eval.f1_differences import f1_difference
from eval.fairness_report import fairness_section
from eval.figures import NOT_SEEN, draw_figures
from eval.question import Question
from eval.recipe import Recipe
from eval.score import Result

HEAD = """# {title}

{note}
Every number is followed by its 95 % interval (bootstrap over people) and n, the samples behind it.
Rows `majority` (the commonest gold for every face) and `shuffled` (another person's gold) are what
no picture is needed for. An answer that cannot be parsed scores 0 and is counted below.
"""
AGAINST = """## `{about}` against the others

The difference in score, and in `macro_f1` of classes or the mean F1 of action units (`unit_f1`), on
the questions that both answered, `{about}` minus the other, with its interval and the p value of a
permutation test over people; p (Holm) is adjusted for all {n} comparisons of this table.
"""


def write_report(
    folder: Path,
    recipe: Recipe,
    results: Sequence[Result],
    rows: Sequence[dict[str, Any]],
    questions: dict[str, list[Question]],
) -> Path:
    """Write `report.md` and `figures/` into a run's folder."""
    figures = draw_figures(folder / "figures", results, rows, recipe)
    note = f"{recipe.note.strip()}\n" if recipe.note else ""
    parts = [HEAD.format(title=recipe.title, note=note), _completeness(results)]
    parts.append(against(recipe, rows))
    parts += [f"![{path.stem}](figures/{path.name})\n" for path in figures["robustness"]]
    for benchmark in recipe.benchmarks:
        own = [result for result in results if result.benchmark == benchmark.name]
        asked = questions[benchmark.name]
        faces = len({question.about for question in asked})
        people = len({question.subject_id for question in asked})
        parts.append(f"## {benchmark.name}\n")
        parts.append(
            f"Task `{benchmark.task}`, {len(asked)} questions about {faces} faces of "
            f"{people} people, split `{benchmark.split}` of `{benchmark.corpus.name}`, "
            f"questions {benchmark.style}"
            + (f", pictures spoilt by `{benchmark.corruption}`" if benchmark.corruption else "")
            + ".\n"
        )
        parts.append(metrics_table(own))
        parts += [f"![{path.stem}](figures/{path.name})\n" for path in figures[benchmark.name]]
        audits = {r.model: r.fairness for r in own if r.model not in NOT_SEEN}
        parts.append(fairness_section(audits))
        parts.append(_failures(own))
    text = "\n".join(part for part in parts if part)
    path = folder / "report.md"
    part = path.with_suffix(".part")
    part.write_text(text.rstrip() + "\n", encoding="utf-8")
    part.replace(path)
    return path


def metrics_table(results: Sequence[Result]) -> str:
    """A row a metric, a column a model; per-class and per-unit numbers are left to the figures."""
    names = list(dict.fromkeys(n for r in results for n in r.metrics if "/" not in n))
    lines = [
        "| | " + " | ".join(result.model for result in results) + " |",
        "|---" * (len(results) + 1) + "|",
    ]
    for name in names:
        cells = [str(r.metrics[name]) if name in r.metrics else "–" for r in results]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def against(recipe: Recipe, rows: Sequence[dict[str, Any]]) -> str:
    """The first model of the recipe compared with every other, benchmark by benchmark."""
    about = next(iter(recipe.models))
    heard: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for row in rows:
        heard.setdefault(row["benchmark"], {}).setdefault(row["model"], {})[row["id"]] = row
    names, found = [], []
    for benchmark in recipe.benchmarks:
        models = heard.get(benchmark.name, {})
        for model in models:
            if model == about or about not in models:
                continue
            pair = models[model], models[about]
            for change in (
                paired_difference(benchmark.name, *pair),
                f1_difference(benchmark.name, benchmark.task, *pair),
            ):
                if change is not None:
                    names.append(model)
                    found.append(change)
    if not found:
        return ""
    lines = [
        "| benchmark | other | number | difference | p | p (Holm) | better / worse |",
        "|---" * 7 + "|",
    ]
    lines += [
        f"| {d.benchmark} | {name} | {d.part} | {d.difference} "
        f"| {shown_p(d.p)} | {shown_p(d.p_holm)} | {d.better} / {d.worse} |"
        for name, d in zip(names, adjusted(found), strict=True)
    ]
    return AGAINST.format(about=about, n=len(found)) + "\n" + "\n".join(lines) + "\n"


def _completeness(results: Sequence[Result]) -> str:
    partial = [result for result in results if result.partial]
    if not partial:
        return "Complete: every question was answered.\n"
    lines = ["**Partial run**: these are numbers over what was answered.\n"]
    lines += [f"- {r.benchmark} · {r.model}: {r.answered} of {r.asked} answered" for r in partial]
    return "\n".join(lines) + "\n"


def _failures(results: Sequence[Result]) -> str:
    lines = []
    for result in results:
        if result.extra_rows:
            lines.append(
                f"| {result.model} | rows about other faces, not used | {result.extra_rows} |"
            )
        lines += [f"| {result.model} | {why} | {n} |" for why, n in result.failures.items()]
    if not lines:
        return ""
    return "\n".join(["| model | what went wrong | answers |", "|---|---|---|", *lines]) + "\n"
