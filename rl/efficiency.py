"""How many rollouts a run needed to reach what the plain schedule reached in the end.

python -m rl.efficiency RUN RUN [RUN …] [--out efficiency.png]

Runs are output folders with `held_out` in their logs, some with `schedule: plain`, some with
`utility`; they are paired by seed. A level is a mean over three measurements in a row: one alone
is noisy, and the first that happens to be high would count as reached.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
import yaml

from facellm.core.errors import FaceLLMError
from facellm.train.log import read_log

WINDOW = 3


class Curve(NamedTuple):
    """What a run's log says: reward on held-out prompts over answers drawn for training."""

    schedule: str
    seed: int
    rollouts: list[int]
    rewards: list[float]

    @property
    def levels(self) -> list[float]:
        """Means over `WINDOW` measurements, the last of which stands at `rollouts[WINDOW - 1:]`."""
        return np.convolve(self.rewards, np.full(WINDOW, 1 / WINDOW), "valid").tolist()

    def reach(self, level: float) -> int | None:
        """Rollouts after which the level is reached; None where it never is."""
        pairs = zip(self.rollouts[WINDOW - 1 :], self.levels, strict=True)
        return next((rollouts for rollouts, own in pairs if own >= level), None)


def read_curve(folder: Path) -> Curve:
    """The curve of a run.

    Raises:
        FaceLLMError: no run, or one whose recipe measures too little.
    """
    if not (folder / "recipe.yaml").is_file():
        raise FaceLLMError(f"{folder} holds no run; name the output_dir of `facellm rl`")
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    rows = [row for row in read_log(folder / "log.jsonl") if "held_out" in row]
    if len(rows) <= WINDOW:
        raise FaceLLMError(
            f"{folder} measures the held-out reward {len(rows)} times, more than {WINDOW} are "
            "needed; set held_out: {prompts: 64, every: 10}"
        )
    rollouts, rewards = ([row[name] for row in rows] for name in ("rollouts", "held_out"))
    return Curve(recipe.get("schedule", "plain"), recipe["seed"], rollouts, rewards)


class Pair(NamedTuple):
    """A utility run beside the plain one with its seed."""

    plain: Curve
    utility: Curve
    reached: int | None
    """Rollouts after which the utility run has the plain run's last level."""

    @property
    def share(self) -> float | None:
        """Of the plain run's rollouts; None: not reached."""
        return None if self.reached is None else self.reached / self.plain.rollouts[-1]


def pairs(curves: Sequence[Curve]) -> list[Pair]:
    """Pair the runs by seed.

    Raises:
        FaceLLMError: a seed without one of each, or with several.
    """
    found = []
    for seed in sorted({curve.seed for curve in curves}):
        own = {c.schedule: c for c in curves if c.seed == seed}
        if own.keys() != {"plain", "utility"} or sum(c.seed == seed for c in curves) != 2:
            raise FaceLLMError(f"seed {seed}: name one run of schedule plain and one of utility")
        plain, utility = own["plain"], own["utility"]
        found.append(Pair(plain, utility, utility.reach(plain.levels[-1])))
    return found


def draw(found: Sequence[Pair], out: Path) -> None:
    """All curves, failures included; a level is drawn where it is measured."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for pair in found:
        for curve, colour in ((pair.plain, "tab:grey"), (pair.utility, "tab:blue")):
            label = curve.schedule if pair is found[0] else None
            axis.plot(curve.rollouts[WINDOW - 1 :], curve.levels, color=colour, label=label)
    axis.set_xlabel("answers drawn for training")
    axis.set_ylabel("reward on held-out prompts")
    axis.legend(frameon=False)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=130)


def main(
    runs: Annotated[list[Path], typer.Argument(help="Output folders of `facellm rl`.")],
    out: Annotated[Path | None, typer.Option(help="Draw the curves here (png, pdf, svg).")] = None,
) -> None:
    """Compare schedules by the answers they need."""
    found = pairs([read_curve(run) for run in runs])
    for pair in found:
        ends = f"seed {pair.plain.seed}: plain {pair.plain.levels[-1]:.4f}, utility "
        ends += f"{pair.utility.levels[-1]:.4f} at {pair.plain.rollouts[-1]} rollouts; "
        reached = f"reached at {pair.reached} ({pair.share:.0%})" if pair.reached else "not reached"
        print(ends + reached)
    shares = [pair.share for pair in found if pair.share is not None]
    mean = f", mean share {np.mean(shares):.0%}" if shares else ""
    print(f"{len(shares)} of {len(found)} seeds reach the plain schedule's last level{mean}")
    if out is not None:
        draw(found, out)


if __name__ == "__main__":
    try:
        typer.run(main)
    except FaceLLMError as error:
        raise SystemExit(f"facellm: {error}") from None
