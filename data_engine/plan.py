"""The stages of a recipe: which of its steps run together, and where their shards lie."""

from dataclasses import dataclass
from pathlib import Path

from data_engine.recipe import Recipe, Use
from data_engine.shards import SOURCE, Shards
from data_engine.step import Step


@dataclass(frozen=True)
class Stage:
    """A group of steps that run together."""

    number: int
    steps: tuple[Step, ...]
    """Empty for the sources."""
    parts: tuple[Use, ...]

    @property
    def stream(self) -> bool:
        """Whether the stage runs once over everything, in the main process."""
        return not self.steps or self.steps[0].whole

    @property
    def name(self) -> str:
        """For folders and people."""
        return "+".join(step.name for step in self.steps) or SOURCE

    def shards(self, folder: Path) -> Shards:
        """Where the stage's shards lie in a run's folder."""
        return Shards(folder / "work" / f"{self.number}-{self.name[:60]}")


def plan(recipe: Recipe) -> list[Stage]:
    """The stages of a recipe, the sources first."""
    stages = [Stage(0, (), ())]
    for step, part in zip(recipe.made_steps(), recipe.steps, strict=True):
        last = stages[-1]
        if step.whole or last.stream or step.makes_rows:
            stages.append(Stage(len(stages), (step,), (part,)))
        else:
            stages[-1] = Stage(last.number, (*last.steps, step), (*last.parts, part))
    return stages
