"""The histograms of a corpus: expressions, intensities of action units, tasks."""

from collections import Counter
from pathlib import Path
from typing import Any

from data_engine.export.census import UNRATED, Census
from facellm.core.facs import ACTION_UNITS

_SHADES = ("#e8eaee", "#c6d6ea", "#98b7da", "#6492c5", "#3a6cab", "#1d4a86")
"""Of the intensities 0 to 5."""
_PRESENT = "#c9a24b"
"""Of units that act, nobody knows how strongly."""
_SURE, _WEAK = "#3a6cab", "#b9c6d8"
_MOST = 24
_FEWEST = 6
"""Bars that a panel has room for at least, so that a lone one is a bar and no wall."""


def histograms(census: Census, path: Path) -> None:
    """Draw the labels of a corpus into a PNG file; fields without labels have no panel."""
    # The object interface leaves pyplot's global state, and the user's backend, alone.
    from matplotlib.figure import Figure

    panels = [_tasks]
    if census.units:
        panels.insert(0, _units)
    if "emotion" in census.labels:
        panels.insert(0, _emotions)
    figure = Figure(figsize=(5.6 * len(panels), 5.2), dpi=110, layout="constrained")
    for number, panel in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), number)
        panel(axes, census)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="png")


def _emotions(axes: Any, census: Census) -> None:
    counts = census.labels["emotion"]
    names = _largest(counts)
    for weak, colour, shift in ((False, _SURE, 0.0), (True, _WEAK, 1.0)):
        values = [counts[name, weak] for name in names]
        if any(values):
            base = [shift * counts[name, False] for name in names]
            axes.barh(names, values, left=base, color=colour, label=_source(weak))
    _finish(axes, "Expression", "faces, counted once a row", 2)


def _units(axes: Any, census: Census) -> None:
    weakness = {weak for _, weak in census.units}
    # Labels of people or the renderer and those of tools are never added up.
    weak = False not in weakness
    units = sorted((unit for unit, w in census.units if w == weak), reverse=True)
    names = [f"AU{unit} {ACTION_UNITS[unit].name}" for unit in units if unit in ACTION_UNITS]
    counts = [census.units[unit, weak] for unit in units if unit in ACTION_UNITS]
    left = [0.0] * len(names)
    for grade, colour in enumerate((*_SHADES, _PRESENT)):
        shares = [count[grade] / count.total() for count in counts]
        label = "?" if grade == UNRATED else str(grade)
        if grade != UNRATED or any(shares):
            axes.barh(names, shares, left=left, color=colour, label=label)
        left = [a + b for a, b in zip(left, shares, strict=True)]
    title = f"Intensity of action units\n({_source(weak)})"
    unrated = any(count[UNRATED] for count in counts)
    note = "; ?: present, strength unknown" if unrated else ""
    _finish(axes, title, f"share of labelled faces{note}", len(_SHADES) + unrated)
    axes.set_xlim(0, 1)


def _tasks(axes: Any, census: Census) -> None:
    by_split: dict[str, Counter[str]] = {}
    for (task, split), count in census.tasks.items():
        by_split.setdefault(split, Counter())[task] += count
    total = sum(by_split.values(), Counter())
    names = [task for task, _ in total.most_common(_MOST)][::-1]
    left = [0] * len(names)
    for split, colour in (("train", _SURE), ("val", _SHADES[2]), ("test", _SHADES[1])):
        values = [by_split.get(split, Counter())[name] for name in names]
        if any(values):
            axes.barh(names, values, left=left, color=colour, label=split)
            left = [a + b for a, b in zip(left, values, strict=True)]
    _finish(axes, "Rows by task", "rows", 3)


def _largest(counts: Counter[tuple[str, bool]]) -> list[str]:
    total: Counter[str] = Counter()
    for (name, _), count in counts.items():
        total[name] += count
    return [name for name, _ in total.most_common(_MOST)][::-1]


def _source(weak: bool) -> str:
    return "estimated by a tool" if weak else "by people or the renderer"


def _finish(axes: Any, title: str, label: str, columns: int) -> None:
    axes.set(title=title, xlabel=label)
    axes.tick_params(axis="y", labelsize=8)
    bars = len(axes.get_yticks())
    axes.set_ylim(-0.6, max(bars, _FEWEST) - 0.4)
    axes.legend(ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.11), frameon=False)
