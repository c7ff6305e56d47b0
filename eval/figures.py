"""Figures of a report: confusions, numbers of classes and groups, calibration, severity."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.confidence import Likely, held
from eval.metrics.calibration import calibration as calibration_numbers
from eval.metrics.calibration import reliability
from eval.recipe import Recipe, Robustness
from eval.score import Result
from facellm.core.emotions import EMOTIONS
from facellm.core.statistics import Interval

BINS = 10
FEW = 14
"""Labels that fit under a figure in ordinary size."""
COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "0.45", "0.7", "#b83280", "#975a16")
NOT_SEEN = ("majority", "shuffled", "gold")
"""Models that do not look at pictures: their curves would be flat."""


def draw_figures(
    folder: Path, results: Sequence[Result], rows: Sequence[dict[str, Any]], recipe: Recipe
) -> dict[str, list[Path]]:
    """Draw what the results hold, PNG; returns the figures of each benchmark."""
    folder.mkdir(exist_ok=True)
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["benchmark"], row["model"]].append(row)
    drawn: dict[str, list[Path]] = defaultdict(list)
    for curve in recipe.robustness:
        drawn["robustness"] += severity(curve, results, folder / f"{curve.benchmark}-robust.png")
    for name in (benchmark.name for benchmark in recipe.benchmarks):
        own = [result for result in results if result.benchmark == name]
        first = own[0]
        if first.task in ("expression", "reasoning"):
            path = folder / f"{name}-confusion.png"
            drawn[name] += confusion(grouped[name, first.model], first.model, path)
            path = folder / f"{name}-calibration.png"
            drawn[name] += calibration(grouped[name, first.model], first.model, path)
        drawn[name] += bars(own, folder / f"{name}-bars.png")
        looks = folder / f"{name}-looks.png"
        drawn[name] += [looks] if looks.is_file() else []
        drawn[name] += groups(own, folder / f"{name}-groups.png")
    return drawn


def confusion(rows: Sequence[dict[str, Any]], model: str, path: Path) -> list[Path]:
    """Stated (columns) against labelled (rows) emotion, each row a share; `?`: no such answer."""
    pairs = []
    for row in rows:
        gold = json.loads(row["target"]).get("emotion")
        said = (json.loads(row["answer"]) if row["answer"] else {}).get("emotion")
        if gold is not None:
            pairs.append((gold, said if said in EMOTIONS else "?"))
    if not pairs:
        return []
    golds = [emotion for emotion in EMOTIONS if any(gold == emotion for gold, _ in pairs)]
    columns = [*EMOTIONS, "?"]
    counts = np.zeros((len(golds), len(columns)))
    for gold, said in pairs:
        counts[golds.index(gold), columns.index(said)] += 1
    share = counts / counts.sum(1, keepdims=True)
    figure, [axes] = _figure(7.2, 0.5 * len(golds) + 2)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (y, x), count in np.ndenumerate(counts):
        if count:
            colour = "white" if share[y, x] > 0.6 else "black"
            axes.text(x, y, f"{share[y, x]:.2f}\n{count:.0f}", ha="center", va="center",
                      fontsize=7, color=colour)  # fmt: skip
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right")
    axes.set_yticks(range(len(golds)), golds)
    axes.set_xlabel("stated")
    axes.set_ylabel("labelled")
    axes.set_title(f"{model}, n = {len(pairs)}", fontsize=10)
    return _save(figure, path)


def calibration(rows: Sequence[dict[str, Any]], model: str, path: Path) -> list[Path]:
    """How often the likeliest emotion is right, against how likely the model held it."""
    golds = [json.loads(row["target"]).get("emotion") for row in rows]
    usable, _ = held(
        [
            Likely(row["subject_id"], json.loads(row["probabilities"]), gold)
            for row, gold in zip(rows, golds, strict=True)
            if gold is not None
        ]
    )
    if len(usable) < BINS:
        return []
    columns = ([one.confidence for one in usable], [one.right for one in usable])
    subjects = [one.subject_id for one in usable]
    sure = np.array(columns[0])
    table = [row for row in reliability(sure, columns[1], subjects, BINS, "mass") if row.accuracy.n]
    error = calibration_numbers(sure, columns[1], subjects, BINS)["ece_mass"]
    figure, [axes] = _figure(4.4, 4.4)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    x = [row.confidence for row in table]
    y = [row.accuracy.value for row in table]
    axes.errorbar(x, y, yerr=_errors([row.accuracy for row in table]), fmt="o-", color=COLOURS[0],
                  elinewidth=0.8, capsize=2, markersize=4)  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="stated probability", ylabel="share right")
    axes.set_title(f"{model}: expected calibration error\n{error}, bins of equal size", fontsize=9)
    axes.grid(alpha=0.3)
    return _save(figure, path)


def groups(results: Sequence[Result], path: Path) -> list[Path]:
    """The score in every group, a row of panels a label; where faces are repeated, a second column
    with how a face scores against itself in the other groups."""
    seen = {
        result.model: {one.label: one for one in result.fairness if one.measure == "score"}
        for result in results
        if result.model not in NOT_SEEN and result.fairness
    }
    if not seen:
        return []
    first = next(iter(seen.values()))
    paired = any(one.paired for one in first.values())
    sizes = [len(one.groups) * (0.25 + 0.12 * len(seen)) + 0.8 for one in first.values()]
    figure, grid = _grid(
        9 if paired else 6, sum(sizes) + 0.6, len(first), 1 + paired, sharex="col",
        height_ratios=sizes,
    )  # fmt: skip
    for row, (label, known) in zip(grid, first.items(), strict=True):
        names = list(known.groups)
        for n, (model, audits) in enumerate(seen.items()):
            if label in audits:
                dots = [audits[label].groups, audits[label].paired]
                for axes, numbers in zip(row, dots, strict=False):
                    _group_dots(axes, names, numbers, model, n, len(seen))
        for axes in row:
            axes.set_yticks(range(len(names)), [])
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.grid(axis="x", alpha=0.3)
        people = [f"{name} ({known.groups[name].subjects})" for name in names]
        row[0].set_yticks(range(len(names)), people, fontsize=8)
        row[0].set_title(f"{label}: score (people)", fontsize=9)
        if paired:
            row[1].axvline(0, color="0.4", linewidth=0.8)
            row[1].set_title("same faces: against the other groups", fontsize=9)
    _legend(figure, grid[0][0])
    return _save(figure, path)


def _group_dots(
    axes: Any, names: Sequence[str], numbers: dict[str, Interval], label: str, n: int, models: int
) -> None:
    known = [(place, numbers[name]) for place, name in enumerate(names) if name in numbers]
    known = [(place, number) for place, number in known if number.value is not None]
    if not known:
        return
    places = [place + (n - (models - 1) / 2) * 0.6 / models for place, _ in known]
    values = [number.value for _, number in known]
    axes.errorbar(values, places, xerr=_errors([number for _, number in known]), fmt="o",
                  color=COLOURS[n % len(COLOURS)], markersize=4, elinewidth=1, capsize=2,
                  label=label)  # fmt: skip


def severity(curve: Robustness, results: Sequence[Result], path: Path) -> list[Path]:
    """The score at every severity, one panel a kind of damage, with intervals."""
    scores = {(r.benchmark, r.model): r.metrics["score"] for r in results}
    models = [
        r.model for r in results if r.benchmark == curve.benchmark and r.model not in NOT_SEEN
    ]
    wide = min(3, len(curve.kinds))
    rows = -(-len(curve.kinds) // wide)
    figure, grid = _grid(0.6 + 2.6 * wide, 0.5 + 2.4 * rows, rows, wide, sharex=True, sharey=True)
    places = [axes for row in grid for axes in row]
    for axes in places[len(curve.kinds) :]:
        axes.set_axis_off()
    for axes, kind in zip(places, curve.kinds, strict=False):
        for n, model in enumerate(models):
            names = [curve.benchmark, *(f"{curve.benchmark}-{kind}-{s}" for s in curve.severities)]
            known = [
                (place, scores[name, model])
                for place, name in zip([0, *curve.severities], names, strict=True)
                if (name, model) in scores and scores[name, model].value is not None
            ]
            x, y = [place for place, _ in known], [number.value for _, number in known]
            axes.errorbar(x, y, yerr=_errors([number for _, number in known]), fmt="o-",
                          color=COLOURS[n % len(COLOURS)], markersize=4, elinewidth=0.8, capsize=2,
                          label=model)  # fmt: skip
        axes.set(ylim=(0, 1), xticks=[0, *curve.severities])
        axes.set_title(kind, fontsize=9)
        axes.grid(alpha=0.3)
    figure.supxlabel("severity", fontsize=9)
    figure.supylabel(f"score of {curve.benchmark}", fontsize=9)
    _legend(figure, places[0])
    return _save(figure, path)


def bars(results: Sequence[Result], path: Path) -> list[Path]:
    """Numbers of each class or unit (`f1/AU12`) with their intervals, models side by side."""
    names = [name for name in results[0].metrics if "/" in name]
    kinds = list(dict.fromkeys(name.split("/")[0] for name in names))
    if not names:
        return []
    figure, many = _figure(8, 2.6 * len(kinds), len(kinds))
    for axes, kind in zip(many, kinds, strict=True):
        own = [name for name in names if name.split("/")[0] == kind]
        width = 0.8 / len(results)
        for n, result in enumerate(results):
            places = np.arange(len(own)) + (n - (len(results) - 1) / 2) * width
            numbers = [result.metrics.get(name) for name in own]
            _bars(axes, places, numbers, width, result.model, n)
        size = 8 if len(own) <= FEW else 6
        axes.set_xticks(range(len(own)), [_tick(name, results[0]) for name in own], fontsize=size)
        axes.set_title(kind, fontsize=10)
        axes.grid(axis="y", alpha=0.3)
    _legend(figure, many[0])
    return _save(figure, path)


def _bars(
    axes: Any, places: Any, numbers: Sequence[Interval | None], width: float, label: str, n: int
) -> None:
    value = [0.0 if i is None or i.value is None else i.value for i in numbers]
    axes.bar(places, value, width, yerr=_errors(numbers), label=label,
             color=COLOURS[n % len(COLOURS)], error_kw={"linewidth": 0.8})  # fmt: skip


def _errors(numbers: Sequence[Interval | None]) -> Any:
    """How far the bounds are away, (2, N); 0 where a bound is unknown."""
    apart = [
        (0.0, 0.0)
        if i is None or i.value is None or i.low is None or i.high is None
        else (max(0.0, i.value - i.low), max(0.0, i.high - i.value))
        for i in numbers
    ]
    return np.array(apart).reshape(-1, 2).T


def _tick(name: str, result: Result) -> str:
    return f"{name.split('/', 1)[1]}\nn={result.metrics[name].n}"


def _figure(width: float, height: float, rows: int = 1) -> tuple[Any, Any]:
    """A figure and its axes from the top."""
    figure, grid = _grid(width, height, rows, 1)
    return figure, [axes for [axes] in grid]


def _grid(width: float, height: float, rows: int, columns: int, **more: Any) -> tuple[Any, Any]:
    """A figure and its axes, a list of the columns for each row."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        rows, columns, figsize=(width, height), layout="constrained", squeeze=False, **more
    )
    return figure, axes.tolist()


def _legend(figure: Any, axes: Any) -> None:
    """The names of the models above all panels."""
    lines, names = axes.get_legend_handles_labels()
    if names:
        figure.legend(
            lines, names, loc="outside upper center", ncols=min(6, len(names)), fontsize=8
        )


def _save(figure: Any, path: Path) -> list[Path]:
    from matplotlib import pyplot

    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return [path]
