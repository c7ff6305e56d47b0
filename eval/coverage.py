"""Do 95 % intervals hold the truth in 95 of 100 cases? Simulated people whose accuracy is known.

    python -m eval.coverage [--simulations 1000]

Each person has an accuracy of their own, drawn from a beta distribution around the true one; how
far people differ is the correlation ρ within a person (0: not at all). Pictures a person: eight
each, one to twenty, or a long tail as of people in the news (most have one, few have sixty).
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from facellm.core.statistics import interval_of, subject_picks

Floats = NDArray[np.float64]
DRAWS = 999
SHARED = 25
"""Simulations that use the same draws; with one set for all, its luck would be in every cell."""
PEOPLE = (10, 30, 100, 200)
CORRELATIONS = (0.0, 0.1, 0.3)
PICTURES = ("eight", "uneven", "long tail")
ACCURACIES = (0.1, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)


class Setting(NamedTuple):
    """What is simulated."""

    people: int
    accuracy: float
    correlation: float = 0.1
    pictures: str = "uneven"

    def simulate(self, simulations: int, seed: int = 17) -> tuple[Floats, Floats]:
        """Hits and pictures of each person, (simulations, people) both."""
        rng = np.random.default_rng(seed)
        shape = (simulations, self.people)
        if self.pictures == "eight":
            pictures = np.full(shape, 8)
        elif self.pictures == "uneven":
            pictures = rng.integers(1, 21, size=shape)
        else:
            pictures = np.clip(np.ceil(rng.pareto(1.0, size=shape)), 1, 60).astype(np.int64)
        own = np.full(shape, self.accuracy)
        if self.correlation:
            spread = 1.0 / self.correlation - 1.0
            own = rng.beta(self.accuracy * spread, (1 - self.accuracy) * spread, size=shape)
        return rng.binomial(pictures, own).astype(np.float64), pictures.astype(np.float64)


def coverage(setting: Setting, simulations: int = 1000, share: bool = True) -> float:
    """The share of simulations whose interval holds the true accuracy.

    Args:
        setting: of the simulations.
        simulations: how many.
        share: whether the interval is the one of shares, or the one of any number.
    """
    hits, pictures = setting.simulate(simulations)
    held = 0
    for n in range(simulations):
        if n % SHARED == 0:
            picks = subject_picks(setting.people, DRAWS, seed=n)
            counts = np.stack([np.bincount(pick, minlength=setting.people) for pick in picks])
        draws = (counts @ hits[n]) / (counts @ pictures[n])
        value = float(hits[n].sum() / pictures[n].sum())
        found = interval_of(value, draws, pictures[n].astype(int).tolist(), share)
        assert found.low is not None and found.high is not None, "there are two people or more"
        held += found.low <= setting.accuracy <= found.high
    return held / simulations


def table(simulations: int) -> Iterator[str]:
    """Markdown: a row a number of people, a correlation and a way of having pictures."""
    yield "| people | ρ | pictures | " + " | ".join(map(str, ACCURACIES)) + " |"
    yield "|---" * (3 + len(ACCURACIES)) + "|"
    for people in PEOPLE:
        for correlation in CORRELATIONS:
            for pictures in PICTURES:
                cells = [
                    f"{100 * coverage(Setting(people, p, correlation, pictures), simulations):.1f}"
                    for p in ACCURACIES
                ]
                yield f"| {people} | {correlation} | {pictures} | " + " | ".join(cells) + " |"


def main(
    simulations: Annotated[int, typer.Option(min=1, help="For each cell.")] = 1000,
) -> None:
    """Print how often the interval of an accuracy holds the truth, in per cent."""
    for line in table(simulations):
        print(line, flush=True)


if __name__ == "__main__":
    typer.run(main)
