"""How many rollouts a run needed to reach what the plain schedule reached in the end.

python -m rl.efficiency RECIPE [key=value …] [--seeds 3] [--out runs/efficiency]

Makes a run of schedule plain and one of utility for each seed (`rl.series`: begun again, it goes on
where it was), and compares the rewards on held-out prompts in their logs. A level is a mean over
three measurements in a row: one alone is noisy, and the first that happens to be high would count
as reached.

    OUT/plain-0, OUT/utility-0, …   the runs
        efficiency.png              all curves, those of runs that broke off too
        efficiency.md               a line a seed
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
import yaml

from facellm.core.errors import FaceLLMError, one_line
from facellm.core.recipe import read
from facellm.train.log import read_log
from rl import series

WINDOW = 3
SCHEDULES = ("plain", "utility")
COLOURS = {"plain": "tab:grey", "utility": "tab:blue"}


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
    """The two runs of a seed; None: it broke off before it had measured enough, or in the end."""

    seed: int
    plain: Curve | None
    utility: Curve | None

    @property
    def rose(self) -> bool:
        """Whether the plain run has anything to reach: it ends above its first level."""
        return self.plain is not None and self.plain.levels[-1] > self.plain.levels[0]

    @property
    def reached(self) -> int | None:
        """Rollouts after which the utility run has the plain run's last level."""
        if self.plain is None or self.utility is None or not self.rose:
            return None
        return self.utility.reach(self.plain.levels[-1])

    @property
    def share(self) -> float | None:
        """Of the plain run's rollouts; None: not reached, or not to be said."""
        if self.plain is None or self.reached is None:
            return None
        return self.reached / self.plain.rollouts[-1]


def draw(curves: Sequence[Curve], out: Path) -> None:
    """All curves; a level is drawn where it is measured."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    named: set[str] = set()
    for curve in curves:
        label = None if curve.schedule in named else curve.schedule
        named.add(curve.schedule)
        colour = COLOURS[curve.schedule]
        axis.plot(curve.rollouts[WINDOW - 1 :], curve.levels, color=colour, label=label)
    axis.set_xlabel("answers drawn for training")
    axis.set_ylabel("reward on held-out prompts")
    axis.legend(frameon=False)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=130)


def table(pairs: Sequence[Pair], runs: Sequence[series.Run]) -> str:
    """The outcome as Markdown."""
    lines = [
        "| seed | answers | plain, start | plain, end | utility, end | reached at | share |",
        "|---" * 7 + "|",
    ]
    for pair in pairs:
        plain, utility = pair.plain, pair.utility
        cells = [
            str(pair.seed),
            "–" if plain is None else str(plain.rollouts[-1]),
            "–" if plain is None else f"{plain.levels[0]:.4f}",
            "–" if plain is None else f"{plain.levels[-1]:.4f}",
            "–" if utility is None else f"{utility.levels[-1]:.4f}",
            _reached(pair),
            "–" if pair.share is None else f"{pair.share:.0%}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    shares = [pair.share for pair in pairs if pair.share is not None]
    mean = f", with {np.mean(shares):.0%} of its answers on average" if shares else ""
    said = f"{len(shares)} of {len(pairs)} seeds reach the plain schedule's last level{mean}."
    return "\n".join([*lines, "", said, "", *series.failures(runs)])


def _reached(pair: Pair) -> str:
    if pair.plain is None or pair.utility is None:
        return "–"
    if not pair.rose:
        return "plain did not rise"
    return "never" if pair.reached is None else str(pair.reached)


def paired(runs: Sequence[series.Run]) -> tuple[list[Pair], list[Curve]]:
    """The runs by seed, and every curve there is, of runs that broke off too."""
    whole: dict[tuple[str, int], Curve] = {}
    every: list[Curve] = []
    for run in runs:
        try:
            curve = read_curve(run.folder)
        except FaceLLMError:
            if run.failure is None:
                raise
            continue
        every.append(curve)
        if run.failure is None:
            whole[run.way, run.seed] = curve
    seeds = sorted({run.seed for run in runs})
    found = [Pair(seed, *(whole.get((way, seed)) for way in SCHEDULES)) for seed in seeds]
    return found, every


def main(
    recipe: Annotated[Path, typer.Argument(help="Recipe with a pool and held_out.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value")] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each schedule.", min=1)] = 3,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/efficiency"),
) -> None:
    """Compare schedules by the answers they need."""
    data = read(recipe, overrides or [])
    ways: dict[str, series.Options] = {name: {"schedule": name} for name in SCHEDULES}
    runs = series.planned(data, ways, seeds, out)
    if not (data.get("held_out") or {}).get("prompts"):
        raise FaceLLMError(f"{recipe} measures nothing; set held_out: {{prompts: 64, every: 10}}")
    runs = series.made(data, ways, runs)
    pairs, curves = paired(runs)
    text = table(pairs, runs)
    (out / "efficiency.md").write_text(text, encoding="utf-8")
    if curves:
        draw(curves, out / "efficiency.png")
    print(text)


if __name__ == "__main__":
    with one_line("rl.efficiency"):
        typer.run(main)
