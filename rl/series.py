"""Runs that differ in a few options, several seeds of each, one after the other.

Each is a run of its own in a folder of its own: what was finished stays finished, what was killed
goes on from its checkpoint. A run that cannot go on is an outcome like any other.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import check
from rl.recipe import Recipe

Options = Mapping[str, Any]
"""What a way changes in the recipe; whole top-level options."""


class Run(NamedTuple):
    """One run of a series."""

    way: str
    seed: int
    folder: Path
    failure: str | None = None
    """Why it has no model."""


def planned(data: Options, ways: Mapping[str, Options], seeds: int, out: Path) -> list[Run]:
    """The runs in the order they are made: all ways of a seed before the next seed.

    Raises:
        FaceLLMError: a way that makes no recipe; then nothing has been run.
    """
    if "output_dir" in data and Path(data["output_dir"]) == out:
        raise FaceLLMError(f"output_dir {out} is that of one run; choose another --out")
    runs = [Run(way, seed, out / f"{way}-{seed}") for seed in range(seeds) for way in ways]
    for run in runs:
        recipe_of(data, ways[run.way], run)
    return runs


def recipe_of(data: Options, way: Options, run: Run) -> Recipe:
    """The recipe of a run; it is evaluated beside the others, not by itself."""
    own = {**data, **way, "output_dir": run.folder, "seed": run.seed, "evaluate": 0}
    return check(Recipe, own, f"the run {run.folder.name}")


def made(data: Options, ways: Mapping[str, Options], runs: Sequence[Run]) -> list[Run]:
    """Make the runs that are not there yet; those that failed say why."""
    from rl.grpo import train  # torch takes seconds

    found = []
    for number, run in enumerate(runs, 1):
        print(f"run {number} of {len(runs)}: {run.folder.name}", flush=True)
        try:
            train(recipe_of(data, ways[run.way], run))
        except FaceLLMError as error:
            print(f"run {run.folder.name} has no model: {error}", flush=True)
            run = run._replace(failure=str(error))
        found.append(run)
    return found


def failures(runs: Sequence[Run]) -> list[str]:
    """Lines of Markdown about the runs without a model."""
    lost = [run for run in runs if run.failure is not None]
    lines = [f"- {run.folder.name}: {run.failure}" for run in lost]
    return [f"{len(lost)} of {len(runs)} runs have no model:", "", *lines, ""] if lost else []
