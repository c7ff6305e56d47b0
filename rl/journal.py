"""The log of a run: one line of TRL's numbers and ours a logged step, alarms, and curves.

Names are TRL's (`reward`, `rewards/au_f1/mean`, `entropy`, `completions/mean_length`), but
`zero_advantage` is what it calls `frac_reward_zero_std`: prompts whose answers all got the same.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from facellm.train.log import Row, read_log
from rl.watch import STAGE, Watch

RENAMED = {"frac_reward_zero_std": "zero_advantage"}
UNTOLD = (
    "num_tokens", "epoch", "reward_std", "clip_ratio/", "min_", "max_", "terminated", "step_time",
)  # fmt: skip
"""Parts of names that say nothing that the others do not."""
SHOWN = (
    "reward", "parse_failures", "zero_advantage", "entropy", "completions/mean_length", "kl",
    "loss", "rewards/accuracies", "rewards/margins", "rewards/chosen",
)  # fmt: skip


class Journal(TrainerCallback):
    """Writes `log.jsonl`, completion samples and alarms; prints a short line."""

    def __init__(self, path: Path, watch: Watch | None, stage: str = STAGE) -> None:
        """Without a watch, for a run that draws no answers, only the numbers are written."""
        self.path, self.watch, self.stage = path, watch, stage
        self.raised: set[str] = set()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero or not logs or "train_runtime" in logs:
            return
        row: Row = {"stage": self.stage, "step": state.global_step}
        for name, value in logs.items():
            if value is not None and not any(part in name for part in UNTOLD):
                row[RENAMED.get(name, name)] = float(f"{float(value):.5g}")
        self._write(row)
        parts = [f"{k}={v}" for k, v in row.items() if k in SHOWN or k.endswith("/mean")]
        print(f"step {state.global_step}/{state.max_steps}", *parts, flush=True)
        if self.watch is not None:
            self.watch.write_samples(state.global_step)
            self._alarms(self.watch, state.global_step)

    def _alarms(self, watch: Watch, step: int) -> None:
        """An alarm sounds once, and again only after it had stopped."""
        alarms = {alarm.partition(":")[0]: alarm for alarm in watch.alarms(self.path)}
        for kind, alarm in alarms.items():
            if kind not in self.raised:
                print(f"ALARM at step {step}: {alarm}", flush=True)
                self._write({"stage": self.stage, "step": step, "alarm": alarm})
        self.raised = set(alarms)

    def _write(self, row: Row) -> None:
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")


PANELS = {
    "rewards": ("reward", "rewards/", "held_out"),
    "shares": (
        "parse_failures",
        "zero_advantage",
        "same_",
        "completions/clipped_ratio",
        "schedule/",
    ),
    "entropy, KL": ("entropy", "kl"),
    "tokens": ("completions/mean_length",),
}
"""Panel → beginnings of the names that it shows."""


def draw(
    log: Path, out: Path, stage: str = STAGE, panels: Mapping[str, Sequence[str]] = PANELS
) -> None:
    """The run's log as a picture of panels over the steps."""
    from matplotlib.figure import Figure

    rows = [row for row in read_log(log) if "alarm" not in row and row.get("stage") == stage]
    if not rows:
        return
    names = [n for n in dict.fromkeys(k for row in rows for k in row) if not n.endswith("/std")]
    figure = Figure(figsize=(4.5 * len(panels), 4.5), layout="constrained")
    for axis, (title, starts) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for name in (name for name in names if name.startswith(tuple(starts))):
            points = [(row["step"], row[name]) for row in rows if name in row]
            label = name.removeprefix("rewards/").removesuffix("/mean")
            mark = "o" if len(points) < 2 else ""
            axis.plot(*zip(*points, strict=True), label=label, linewidth=1.2, marker=mark)
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        if axis.lines:
            axis.legend(frameon=False, fontsize=8)
    part = out.with_suffix(".part.png")
    figure.savefig(part, dpi=130)
    part.replace(out)
