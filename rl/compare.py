"""Ways to go on from one start model, several seeds of each, beside it on held-out faces.

python -m rl.compare RECIPE --run GRPO=runs/rl-0 --run GRPO=runs/rl-1 --run SFT=runs/sft-0 …
                     --out report.json [key=value …]

The recipe says what is asked: corpora, tasks, rubric, `evaluate` faces, and the start model. Runs
of one name are one way: an answer's score is the mean over its runs, so that intervals are over
people, and each run's own difference stands beside them. Each way is compared with the start and
with the ways named before it. A table is written beside the report.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError, one_line
from facellm.core.recipe import load
from rl.answerer import Answerer
from rl.recipe import Recipe
from rl.report import Asked, Scores, compared, held_out_questions, in_words, scores

START = "start"
Ways = dict[str, list[Path]]
"""Name → model folders, the start model first."""


def ways_of(start: Path, runs: list[str]) -> Ways:
    """Read `NAME=FOLDER`, folders of runs or of models.

    Raises:
        FaceLLMError: not of that form, or no finished run.
    """
    found: Ways = {START: [start]}
    for run in runs:
        name, equals, folder = run.partition("=")
        if not equals or not name or name == START:
            raise FaceLLMError(f"--run {run!r} is not NAME=FOLDER (with a name other than {START})")
        path = Path(folder)
        model = path / "model" if (path / "model").is_dir() else path
        if not (model / "config.json").is_file():
            raise FaceLLMError(f"{folder} holds no model; name the output_dir of a finished run")
        found.setdefault(name, []).append(model)
    return found


def measure(recipe: Recipe, ways: Ways) -> dict[str, Any]:
    """Every way against those before it: corpus, task, "after against before", reward."""
    models = {
        name: [Answerer(path, use_cpu=recipe.use_cpu) for path in paths]
        for name, paths in ways.items()
    }
    found: dict[str, Any] = {name: [str(path) for path in paths] for name, paths in ways.items()}
    for asked in held_out_questions(recipe):
        runs = {
            name: [scores(recipe.rubric, model, asked) for model in own]
            for name, own in models.items()
        }
        task = found.setdefault(asked.corpus.name, {}).setdefault(asked.task, {})
        names = list(ways)
        for place, name in enumerate(names):
            for base in names[:place]:
                rows = task[f"{name} against {base}"] = against(asked, runs[base], runs[name])
                for reward, row in rows.items():
                    print(f"{asked.corpus.name} {asked.task} {reward}: {in_words(row)}", flush=True)
    return found


def against(asked: Asked, before: list[Scores], after: list[Scores]) -> dict[str, Any]:
    """Rewards of the mean run, and each later run's own difference to the mean earlier one."""
    first, last = mean_scores(before), mean_scores(after)
    rows = {name: compared(name, first, last, asked.subjects) for name in first}
    for name, row in rows.items():
        row["runs"] = [float(np.nanmean(run[name] - first[name])) for run in after]
    return rows


def mean_scores(runs: list[Scores]) -> Scores:
    """The mean of each answer's scores over runs."""
    return {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}


def table(found: dict[str, Any], ways: Ways) -> str:
    """The report as Markdown: a table for each corpus and task."""
    lines = []
    for corpus, tasks in found.items():
        if corpus in ways:
            continue
        for task, pairs in tasks.items():
            lines += [f"### {corpus}: {task}", "| | " + " | ".join(pairs) + " |"]
            lines += ["|---" * (len(pairs) + 1) + "|"]
            for name in next(iter(pairs.values())):
                cells = [cell(pair[name]) for pair in pairs.values()]
                lines.append(f"| {name} | " + " | ".join(cells) + " |")
            lines.append("")
    return "\n".join(lines)


def cell(row: dict[str, Any]) -> str:
    """A comparison in a table: before and after, the difference, those of single runs."""
    off = row["difference"]
    ends = "" if off["low"] is None else f" [{off['low']:+.3f}, {off['high']:+.3f}]"
    clear = off["low"] is not None and (off["low"] > 0 or off["high"] < 0)
    text = f"{off['value']:+.3f}{ends}"
    runs = ", ".join(f"{value:+.3f}" for value in row["runs"])
    return (
        f"{row['start']['value']:.3f} → {row['end']['value']:.3f}, "
        + (f"**{text}**" if clear else text)
        + (f" ({runs})" if len(row["runs"]) > 1 else "")
    )


def main(
    recipe: Annotated[Path, typer.Argument(help="Recipe of `facellm rl`: what is asked and paid.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value of the recipe.")] = None,
    run: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER, once a run.")] = None,
    out: Annotated[Path, typer.Option(help="The report; a table .md is put beside it.")] = Path(
        "report.json"
    ),
) -> None:
    """Compare ways to go on from one start model on held-out faces."""
    if not run:
        raise FaceLLMError("name at least one run: --run GRPO=runs/rl-0")
    read = load(Recipe, recipe, overrides or [])
    ways = ways_of(checkpoint_folder(read.model_name_or_path), run)
    found = measure(read, ways)
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text(table(found, ways), encoding="utf-8")


if __name__ == "__main__":
    with one_line("rl.compare"):
        typer.run(main)
