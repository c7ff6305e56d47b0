"""Training: first to see through the landmarks' regions, then to speak about what is seen.

from facellm.train import run
run(Path("recipe.yaml"), ["stages.speak.max_steps=100"])
"""

from collections.abc import Sequence
from pathlib import Path

from facellm.core.recipe import dump
from facellm.train.recipe import load_recipe

__all__ = ["run"]


def run(recipe_path: Path, overrides: Sequence[str] = (), dry_run: bool = False) -> Path | None:
    """Run a recipe from where it stopped, or from the start; returns the checkpoint's folder.

    Started by torchrun or `accelerate launch`, it runs in all their processes.

    Args:
        recipe_path: YAML file, see `facellm.train.recipe`.
        overrides: `dotted.key=value`.
        dry_run: only print the resolved recipe; returns None.

    Raises:
        FaceLLMError: a mistake in the recipe or corpora, or another recipe than the run began with.
    """
    recipe = load_recipe(recipe_path, overrides)
    if dry_run:
        print(dump(recipe), end="")
        return None
    from facellm.train.stages import train  # torch takes seconds

    return train(recipe)
