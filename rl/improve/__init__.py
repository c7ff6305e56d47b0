"""Self-improvement: a model's own answers, where they hold, are what it learns from next.

from rl.improve import run
run(Path("rl/recipes/improve.yaml"), ["rounds=1"])
"""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["run"]


def run(recipe_path: Path, overrides: Sequence[str] = (), dry_run: bool = False) -> Path | None:
    """Run a recipe from where it stopped, or from the start; returns the best model's folder.

    Args:
        recipe_path: YAML file, see `rl.improve.recipe`.
        overrides: `dotted.key=value`.
        dry_run: only print the resolved recipe; returns None.

    Raises:
        FaceLLMError: a mistake in the recipe or corpora, a model none of whose answers holds, or
            another recipe than the run began with.
    """
    from facellm.core.recipe import dump, load
    from rl.improve.recipe import Improvement

    recipe = load(Improvement, recipe_path, overrides)
    if dry_run:
        print(dump(recipe), end="")
        return None
    from rl.improve.rounds import improve  # torch takes seconds

    return improve(recipe)
