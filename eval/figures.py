"""Figures of a report: confusion of expressions, F1 of each action unit, calibration."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.recipe import Recipe, Robustness
from eval.score import Result
from facellm.core.emotions import EMOTIONS
from facellm.core.statistics import Interval

BINS = 10
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
    known = []
    for row in rows:
        likely = json.loads(row["probabilities"])
        gold = json.loads(row["target"]).get("emotion")
        if likely and gold is not None:
            best = max(likely, key=lambda word: likely[word])
            known.append((likely[best], float(best == gold)))
    if len(known) < BINS:
        return []
    held, right = np.array(known).T
    edges = np.quantile(held, np.linspace(0, 1, BINS + 1))
    which = np.clip(np.searchsorted(edges, held, "right") - 1, 0, BINS - 1)
    used = [b for b in range(BINS) if (which == b).any()]
    x = [held[which == b].mean() for b in used]
    y = [right[which == b].mean() for b in used]
    error = sum((which == b).mean() * abs(u - v) for b, u, v in zip(used, x, y, strict=True))
    figure, [axes] = _figure(4.2, 4)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.plot(x, y, "o-", color="#2b6cb0")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="stated probability", ylabel="share right")
    axes.set_title(f"{model}: ECE {error:.3f}, n = {len(known)}, bins of equal size", fontsize=9)
    return _save(figure, path)


def severity(curve: Robustness, results: Sequence[Result], path: Path) -> list[Path]:
    """The score at every severity, one panel a kind of damage, with intervals."""
    scores = {(r.benchmark, r.model): r.metrics["score"] for r in results}
    models = [
        r.model for r in results if r.benchmark == curve.benchmark and r.model not in NOT_SEEN
    ]
    figure, many = _figure(4.5, 2.4 * len(curve.kinds), len(curve.kinds))
    for axes, kind in zip(many, curve.kinds, strict=True):
        for model in models:
            names = [curve.benchmark, *(f"{curve.benchmark}-{kind}-{s}" for s in curve.severities)]
            known = [
                (place, scores[name, model])
                for place, name in zip([0, *curve.severities], names, strict=True)
                if (name, model) in scores and scores[name, model].value is not None
            ]
            axes.plot([p for p, _ in known], [i.value for _, i in known], "o-", label=model)
            bounded = [(p, i) for p, i in known if i.low is not None]
            axes.fill_between([p for p, _ in bounded], [i.low for _, i in bounded],
                              [i.high for _, i in bounded], alpha=0.15)  # fmt: skip
        axes.set(ylim=(0, 1), title=f"{curve.benchmark}: {kind}", xlabel="severity", ylabel="score")
        axes.grid(alpha=0.3)
    many[0].legend(fontsize=7)
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
        axes.set_xticks(range(len(own)), [_tick(name, results[0]) for name in own], fontsize=8)
        axes.set_title(kind, fontsize=10)
        axes.grid(axis="y", alpha=0.3)
    many[0].legend(fontsize=7, ncols=len(results))
    return _save(figure, path)


def _bars(
    axes: Any, places: Any, numbers: Sequence[Interval | None], width: float, label: str, n: int
) -> None:
    known = [i for i in numbers if i is not None]
    value = np.array([np.nan if i is None or i.value is None else i.value for i in numbers])
    low = np.array([np.nan if i is None or i.low is None else i.low for i in numbers])
    high = np.array([np.nan if i is None or i.high is None else i.high for i in numbers])
    errors = np.nan_to_num(np.clip([value - low, high - value], 0, None))
    colour = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "0.45", "0.7", "#b83280", "#975a16")[
        n % 8
    ]
    if known:
        axes.bar(places, np.nan_to_num(value), width, yerr=errors, label=label, color=colour,
                 error_kw={"linewidth": 0.8})  # fmt: skip


def _tick(name: str, result: Result) -> str:
    return f"{name.split('/', 1)[1]}\nn={result.metrics[name].n}"


def _figure(width: float, height: float, rows: int = 1) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        rows, figsize=(width, height), layout="constrained", squeeze=False
    )
    return figure, list(axes[:, 0])


def _save(figure: Any, path: Path) -> list[Path]:
    from matplotlib import pyplot

    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return [path]
