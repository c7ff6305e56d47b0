"""Learning curves: how well held-out faces are read, over the share of the data and over size.

    python -m facellm.train.curve RECIPE --data 0.1,0.3,1 --width 24,48 --steps 300 [key=value …]

Every share and width is an arm of its own (`facellm.train.arms`): the recipe's first stage of
objective `see`, with the first faces of every corpus and a tower of that width, for as many steps
and batches as all others; its readings are then read off the test split of the first corpus.
Writes curve.json, curve.md and curve.png. A finished arm is kept in FOLDER, a killed one goes on.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import typer

from facellm.core.errors import FaceLLMError, given, one_line
from facellm.core.sample import read_samples
from facellm.core.statistics import Interval
from facellm.train.arms import Arm
from facellm.train.contrast import accuracy, contrast, unit_f1
from facellm.train.recipe import Corpus, Recipe, load_recipe
from facellm.train.setting import F1, Setting, subjects_of

EXPRESSION = "expression accuracy"


class Point(NamedTuple):
    """One arm."""

    share: float
    width: int
    parameters: int
    faces: int
    """That were learned from."""
    numbers: dict[str, Interval]


def arm_of(recipe: Recipe, share: float, width: int, counts: Sequence[int]) -> Arm:
    """The first `share` of every corpus, of which there are `counts` faces, and that width."""
    assert recipe.model is not None and isinstance(recipe.model.tower, dict)
    own = [corpus for corpus in recipe.corpora if corpus.path is not None]
    corpora = [
        corpus.model_copy(update={"limit": max(1, round(share * count))})
        for corpus, count in zip(own, counts, strict=True)
    ]
    tower = {**recipe.model.tower, "width": width}
    return Arm(f"data {share:g} width {width}", corpora=corpora, model={"tower": tower})


def training_faces(corpus: Corpus) -> int:
    """How many training faces a corpus gives, by its recipe."""
    assert corpus.path is not None
    train = (sample for sample in read_samples(corpus.path) if sample.split == "train")
    count = sum(face.points is not None for sample in train for face in sample.faces)
    return min(count, corpus.limit or count)


def measure(setting: Setting, shares: Sequence[float], widths: Sequence[int]) -> list[Point]:
    """Train and test every share with every width."""
    counts = [training_faces(corpus) for corpus in setting.own]
    points = []
    for width in widths:
        for share in shares:
            arm = arm_of(setting.recipe, share, width, counts)
            size, read = setting.ask(arm)
            measures = {
                test: unit_f1(read[test].units, crops.units)
                for test, crops in setting.tests.items()
            }
            exact = setting.tests[F1]
            measures[EXPRESSION] = accuracy(read[F1].emotion, exact.emotion)
            numbers, _ = contrast(subjects_of(exact), measures)
            learned = sum(corpus.limit or 0 for corpus in arm.corpora)
            points.append(Point(share, width, size, learned, numbers))
    return points


def markdown(points: Sequence[Point], about: str) -> str:
    """A row an arm."""
    names = list(points[0].numbers)
    lines = ["# Learning curves", "", about, ""]
    lines.append("| share of data | faces | width | parameters | " + " | ".join(names) + " |")
    lines.append("|" + " --- |" * (4 + len(names)))
    for point in points:
        shown = [str(point.numbers[name]).rsplit(" (", 1)[0] for name in names]
        cells = [f"{point.share:g}", f"{point.faces:,}", str(point.width), f"{point.parameters:,}"]
        lines.append("| " + " | ".join(cells + shown) + " |")
    return "\n".join([*lines, ""])


def draw(points: Sequence[Point], path: Path) -> None:
    """Every number over the faces learned from, and over parameters, with its interval."""
    from matplotlib.figure import Figure

    names = list(points[0].numbers)
    figure = Figure(figsize=(9, 3.2 * len(names)), layout="constrained")
    grid = figure.subplots(len(names), 2, squeeze=False, sharey="row")
    for (left, right), name in zip(grid, names, strict=True):
        for width in dict.fromkeys(point.width for point in points):
            own = [point for point in points if point.width == width]
            _line(left, own, name, [point.faces for point in own], f"width {width}")
        for share in dict.fromkeys(point.share for point in points):
            own = [point for point in points if point.share == share]
            _line(right, own, name, [point.parameters for point in own], f"{share:.0%} of the data")
        left.set_ylabel(name)
        left.set_xlabel("training faces")
        right.set_xlabel("parameters")
        sizes = ([point.faces for point in points], [point.parameters for point in points])
        for panel, places in zip((left, right), sizes, strict=True):
            panel.set_xscale("log")
            panel.minorticks_off()
            shown = sorted(set(places))
            panel.set_xticks(shown, [f"{place:,}" for place in shown])
            panel.grid(alpha=0.25)
            panel.spines[["top", "right"]].set_visible(False)
    for panel in grid[0]:
        panel.legend(frameon=False)
    part = path.with_suffix(".part.png")
    figure.savefig(part, dpi=130)
    part.replace(path)


def _line(panel: Any, points: Sequence[Point], name: str, places: list[int], label: str) -> None:
    nan = float("nan")
    found = [point.numbers[name] for point in points]
    values = [nan if one.value is None else one.value for one in found]
    down = [nan if one.low is None else v - one.low for one, v in zip(found, values, strict=True)]
    up = [nan if one.high is None else one.high - v for one, v in zip(found, values, strict=True)]
    ends = [[max(0.0, end) for end in side] for side in (down, up)]
    panel.errorbar(places, values, ends, label=label, marker="o", capsize=3, linewidth=1.2)


def _numbers(text: str, kind: Callable[[str], Any], option: str) -> list[Any]:
    try:
        found = [kind(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) <= 0:
        raise FaceLLMError(f"{option} is {given(text)}; expected numbers above 0, commas between")
    return found


def main(
    recipe: Path,
    overrides: Annotated[list[str] | None, typer.Argument()] = None,
    data: Annotated[str, typer.Option(help="Shares of the training faces.")] = "0.1,0.3,1",
    width: Annotated[str, typer.Option(help="Widths of the tower; its own where empty.")] = "",
    steps: Annotated[int, typer.Option(min=1)] = 300,
    faces: Annotated[int, typer.Option(min=2, help="Held-out faces, at most.")] = 600,
    found: Annotated[
        Path | None, typer.Option(help="First corpus once more, with points that a finder sees.")
    ] = None,
    out: Annotated[Path, typer.Option()] = Path("curve"),
) -> None:
    """Train what sees by RECIPE on shares of its data and in several widths."""
    with one_line("curve"):
        loaded = load_recipe(recipe, overrides or [])
        if loaded.model is None or not isinstance(loaded.model.tower, dict):
            raise FaceLLMError("a curve needs a recipe that builds a tower of its own")
        if loaded.threads is not None:
            torch.set_num_threads(loaded.threads)
        shares = _numbers(data, float, "--data")
        if max(shares) > 1:
            raise FaceLLMError(f"--data is {given(data)}; there is no more than all of it, 1")
        widths = _numbers(width or str(loaded.model.tower["width"]), int, "--width")
        setting = Setting(loaded, out, steps, 0, faces, found)
        points = measure(setting, sorted(shares), sorted(widths))
        about = (
            f"`python -m facellm.train.curve {' '.join([str(recipe), *(overrides or [])])}`, "
            f"{steps} steps of every arm; at most {faces} held-out faces, 95 % intervals over "
            "people."
        )
        text = markdown(points, about)
        (out / "curve.md").write_text(text, encoding="utf-8")
        rows = [
            point._asdict() | {"numbers": {n: v.model_dump() for n, v in point.numbers.items()}}
            for point in points
        ]
        (out / "curve.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        draw(points, out / "curve.png")
    print(text)


if __name__ == "__main__":
    typer.run(main)
