"""The log of a run: one line of means every few steps, the same numbers to trackers, and curves."""

import json
import time
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Meter:
    """Means of the losses between two lines of the run's log."""

    def __init__(self, stage: str, path: Path) -> None:
        self.stage, self.path = stage, path
        self.restart()

    def restart(self) -> None:
        """Forget what was added."""
        self.sums: dict[str, float] = {}
        self.count, self.started, self.seconds = 0, time.monotonic(), 0.0

    def add(self, values: dict[str, float]) -> None:
        """Count one step."""
        self.count += 1
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0.0) + value

    def state(self) -> Row:
        """What a checkpoint keeps, so that a resumed run writes the lines of the killed one."""
        seconds = self.seconds + time.monotonic() - self.started
        return {"sums": self.sums, "count": self.count, "seconds": seconds}

    def restore(self, state: Row) -> None:
        """Go on from a checkpoint's state."""
        self.sums, self.count = dict(state["sums"]), state["count"]
        self.started, self.seconds = time.monotonic(), state["seconds"]

    def line(self, step: int, totals: dict[str, float]) -> Row:
        """The row of means; `totals` are counts that become rates per second."""
        seconds = self.seconds + time.monotonic() - self.started
        row: Row = {"stage": self.stage, "step": step}
        row["seconds_per_step"] = round(seconds / self.count, 3)
        row |= {f"train/{key}": _rounded(value / self.count) for key, value in self.sums.items()}
        row |= {f"{key}_per_second": round(v / seconds, 1) for key, v in totals.items()}
        return row

    def write(self, row: Row) -> None:
        """Append a row, show it and start over."""
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)
        self.restart()


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def read_log(path: Path) -> list[Row]:
    """The rows of a run's log; a last line cut short by a kill is left out."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def forget_after(path: Path, stage: str, step: int) -> None:
    """Drop the rows of a stage behind a step: a resumed run is about to write them again."""
    rows = [r for r in read_log(path) if r.get("stage") != stage or r.get("step", 0) <= step]
    if path.is_file():
        part = path.with_suffix(".part")
        part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        part.replace(path)


def draw_curves(path: Path, out: Path) -> None:
    """Losses over the steps of each stage, and its learning rate, as a picture."""
    from matplotlib.figure import Figure

    rows = [row for row in read_log(path) if "stage" in row]
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    if not stages:
        return
    figure = Figure(figsize=(4.5 * len(stages), 5), layout="constrained")
    axes = figure.subplots(2, len(stages), squeeze=False, height_ratios=(3, 1), sharex="col")
    for (top, bottom), stage in zip(axes.T, stages, strict=True):
        own = [row for row in rows if row["stage"] == stage]
        steps = [row["step"] for row in own]
        for key in dict.fromkeys(key for row in own for key in row if key.startswith("train/")):
            values = [row.get(key, float("nan")) for row in own]
            name = key.removeprefix("train/")
            panel = bottom if name == "learning_rate" else top
            if name != "grad_norm":
                panel.plot(steps, values, label=name, linewidth=1.2, marker=_mark(values))
        top.set_title(stage)
        top.set_ylabel("loss")
        top.legend(frameon=False)
        bottom.set_ylabel("learning rate")
        bottom.set_xlabel("step")
        for panel in (top, bottom):
            panel.grid(alpha=0.25)
            panel.spines[["top", "right"]].set_visible(False)
    part = out.with_suffix(".part.png")
    figure.savefig(part, dpi=130)
    part.replace(out)


def _mark(values: list[float]) -> str:
    """A single point would be no line at all."""
    return "o" if len(values) < 2 else ""
