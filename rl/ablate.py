"""What each reward of a rubric is for: runs without it, beside runs with all of them.

python -m rl.ablate RECIPE [key=value …] [--seeds 1] [--out runs/ablation]

Ways: `full`; `without X` for every reward X of the rubric; where the rubric pays action units of
evidence and answers alike (`au_f1.over: both`), also `units in the evidence` and `units in the
answer` alone. Begun again, it goes on where it was (`rl.series`).

    OUT/full-0, OUT/without_au_f1-0, …   the runs
        scores/                          what each run's model earns on held-out faces
        ablation.json, ablation.md       every way beside the start model and beside `full`

Scores are those of the whole rubric and of its parts, whatever a way was paid for. An answer's
score is the mean over a way's seeds; intervals are over people.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError, one_line
from facellm.core.recipe import check, read
from rl import series
from rl.compare import START, against, cell
from rl.recipe import Recipe
from rl.report import TOTAL, held_out_questions, kept_scores

FULL = "full"
ALONE = {"units_in_the_evidence": "evidence", "units_in_the_answer": "answer"}
Row = dict[str, Any]


def ways_of(recipe: Recipe) -> dict[str, series.Options]:
    """Name of a way → what it changes.

    Raises:
        FaceLLMError: a rubric of one reward.
    """
    rubric = recipe.rubric.model_dump(exclude_none=True)
    if len(rubric) < 2:
        raise FaceLLMError(f"the rubric has {next(iter(rubric))} alone; nothing is left without it")
    found: dict[str, series.Options] = {FULL: {}}
    for name in rubric:
        left = {other: options for other, options in rubric.items() if other != name}
        found[f"without_{name}"] = {"rubric": left}
    units = recipe.rubric.au_f1
    if units is not None and units.over == "both":
        for name, over in ALONE.items():
            found[name] = {"rubric": {**rubric, "au_f1": {**rubric["au_f1"], "over": over}}}
    return found


def measured(recipe: Recipe, runs: Sequence[series.Run], out: Path) -> Row:
    """Corpus → task → way → measure → comparison with `full`; `full` with the start model."""
    start = checkpoint_folder(recipe.model_name_or_path)
    asked = list(held_out_questions(recipe))
    models = {START: [(start, out / "scores" / "start.json")]}
    for run in runs:
        if run.failure is None:
            kept = out / "scores" / f"{run.folder.name}.json"
            models.setdefault(run.way, []).append((run.folder / "model", kept))
    scores = {
        way: [kept_scores(recipe, model, asked, kept) for model, kept in own]
        for way, own in models.items()
    }
    found: Row = {}
    for place, question in enumerate(asked):
        of_task = {way: [run[place] for run in own] for way, own in scores.items()}
        task = found.setdefault(question.corpus.name, {}).setdefault(question.task, {})
        for way in of_task:
            base = START if way == FULL else FULL
            if way != START and base in of_task:
                task[way] = against(question, of_task[base], of_task[way])
    return found


def table(found: Row, recipe: Recipe, runs: Sequence[series.Run]) -> str:
    """The outcome as Markdown: a line a way, a column for the sum and for every reward paid."""
    names = [TOTAL, *(reward.name for reward in recipe.rubric.rewards())]
    lines = []
    for corpus, tasks in found.items():
        for task, ways in tasks.items():
            shown = [name for name in names if any(name in rows for rows in ways.values())]
            n = next((rows[TOTAL]["start"]["n"] for rows in ways.values()), 0)
            lines += [f"### {corpus}: {task}, {n} answers", f"| | {' | '.join(shown)} |"]
            lines += ["|---" * (len(shown) + 1) + "|"]
            for way, rows in ways.items():
                base = f"{way} against {START if way == FULL else FULL}".replace("_", " ")
                cells = [cell(rows[name]) if name in rows else "–" for name in shown]
                lines.append(f"| {base} | {' | '.join(cells)} |")
            lines.append("")
    return "\n".join([*lines, *series.failures(runs)])


def main(
    recipe: Annotated[Path, typer.Argument(help="Recipe of `facellm rl`.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value")] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each way.", min=1)] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/ablation"),
) -> None:
    """Take each reward out in turn."""
    data = read(recipe, overrides or [])
    whole = check(Recipe, data, f"recipe {recipe}")
    if not whole.evaluate:
        raise FaceLLMError("evaluate is 0: no held-out face would be asked about; set it to 200")
    ways = ways_of(whole)
    runs = series.made(data, ways, series.planned(data, ways, seeds, out))
    found = measured(whole, runs, out)
    (out / "ablation.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = table(found, whole, runs)
    (out / "ablation.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    with one_line("rl.ablate"):
        typer.run(main)
