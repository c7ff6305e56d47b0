"""What each part is worth: the same training without it, measured on the same held-out faces.

    python -m facellm.train.ablate RECIPE --found CORPUS --pairs CORPUS --out FOLDER [key=value …]

writes ablation.json and ablation.md, which answer the questions that `--ask` names:

regions        the region encoder off, guidance alone, read-out alone, both
landmarks      the same pictures with other points: exact, and as the builtin finder sees them
refinement     readings that hear the points corrected by what is seen, or as they were given
interventions  half of the faces in pairs that differ in one action unit, or none
thought        evidence before the expression, or the expression alone
prompt         what is seen depends on the question, or is always the same

An arm is trained by the recipe's first stage of objective `see` and read through its heads; those
of the last two questions are language models over one resting vision part, trained by the first
stage of objective `answer` and asked. Arms have the same seed, steps and batches. An arm that is
finished is kept in FOLDER, and so is one that was killed.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from facellm.core.errors import FaceLLMError, given, one_line
from facellm.core.statistics import Interval
from facellm.train.questions import QUESTIONS, Answer
from facellm.train.recipe import load_recipe
from facellm.train.setting import Setting

ALL = ",".join(QUESTIONS)


def markdown(answers: dict[str, Answer], about: str) -> str:
    """Tables of all arms, and of what one has more than another."""
    lines = ["# Ablations", "", about, ""]
    for question, (arms, differences, note) in answers.items():
        numbers = [n for n in next(iter(arms.values())) if n != "parameters"]
        numbers = [n for n in numbers if any(arm[n].value is not None for arm in arms.values())]
        lines += [f"## {question}", "", note, ""]
        lines += _row("", *numbers, "parameters"), _row(*["---"] * (len(numbers) + 2))
        for name, arm in arms.items():
            lines.append(_row(name, *(_shown(arm[n]) for n in numbers), f"{arm['parameters']:,}"))
        lines += ["", _row("difference", "of", "", "n"), _row(*["---"] * 4)]
        for number, one, other, gap in differences:
            lines.append(_row(f"{one} − {other}", number, _shown(gap), str(gap.n)))
        lines.append("")
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _shown(interval: Interval) -> str:
    return str(interval).rsplit(" (", 1)[0]


def plain(answers: dict[str, Answer]) -> dict[str, Any]:
    """The same as JSON holds it."""

    def numbers(arm: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value.model_dump() if isinstance(value, Interval) else value
            for name, value in arm.items()
        }

    return {
        question: {
            "arms": {name: numbers(arm) for name, arm in answer.arms.items()},
            "differences": [
                {
                    "number": d.number,
                    "first": d.first,
                    "second": d.second,
                    **d.interval.model_dump(),
                }
                for d in answer.differences
            ],
            "note": answer.note,
        }
        for question, answer in answers.items()
    }


def main(
    recipe: Path,
    overrides: Annotated[list[str] | None, typer.Argument()] = None,
    ask: Annotated[str, typer.Option(help="Questions, with commas between.")] = ALL,
    steps: Annotated[int, typer.Option(min=1, help="Of each arm that sees.")] = 300,
    speak_steps: Annotated[int, typer.Option(min=1, help="Of each arm that answers.")] = 300,
    faces: Annotated[int, typer.Option(min=2, help="Held-out faces, at most.")] = 600,
    found: Annotated[
        Path | None, typer.Option(help="First corpus once more, with points that a finder sees.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="Corpus of the rig with interventions.")
    ] = None,
    eyes: Annotated[
        Path | None, typer.Option(help="Model whose vision part the arms that answer see with.")
    ] = None,
    out: Annotated[Path, typer.Option()] = Path("ablation"),
) -> None:
    """Train the arms of RECIPE and compare them on the test split of its first corpus."""
    with one_line("ablate"):
        wanted = ask.split(",")
        unknown = [name for name in wanted if name not in QUESTIONS]
        if unknown:
            raise FaceLLMError(f"no question {given(unknown[0])}; there are {ALL}")
        loaded = load_recipe(recipe, overrides or [])
        if loaded.threads is not None:
            torch.set_num_threads(loaded.threads)
        setting = Setting(loaded, out, steps, speak_steps, faces, found, pairs, eyes)
        setting.check(wanted)
        answers = {}
        for name in wanted:
            answers[name] = QUESTIONS[name](setting)
            about = (
                f"`python -m facellm.train.ablate {' '.join([str(recipe), *(overrides or [])])} "
                f"--ask {ask}`, {steps} steps of every arm that sees, "
                f"{speak_steps} of every arm that answers; at most {faces} held-out faces, 95 % "
                "intervals over people, differences paired."
            )
            text = markdown(answers, about)
            (out / "ablation.md").write_text(text, encoding="utf-8")
            rows = json.dumps(plain(answers), indent=1)
            (out / "ablation.json").write_text(rows + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    typer.run(main)
