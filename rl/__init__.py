"""Reinforcement learning that teaches the model to see: rewards are the tasks' own scores.

from rl import run
run(Path("recipe.yaml"), ["max_steps=100"])
"""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["run"]


def run(recipe_path: Path, overrides: Sequence[str] = (), dry_run: bool = False) -> Path | None:
    """Run a recipe from where it stopped, or from the start; returns the checkpoint's folder.

    Args:
        recipe_path: YAML file, see `rl.recipe`; of `algorithm: dpo`, `rl.preferences.recipe`.
        overrides: `dotted.key=value`.
        dry_run: only print the resolved recipe; returns None.

    Raises:
        FaceLLMError: a mistake in the recipe or corpora, a start model that cannot be reinforced,
            a loss that is not finite, or another recipe than the run began with.
    """
    from facellm.core.recipe import check, dump, read
    from rl.preferences.recipe import Preferences
    from rl.recipe import Recipe

    data, where = read(recipe_path, overrides), f"recipe {recipe_path}"
    if data.get("algorithm") == "dpo":
        preferences = check(Preferences, data, where)
        if dry_run:
            print(dump(preferences), end="")
            return None
        from rl.preferences.run import prefer

        return prefer(preferences)
    recipe = check(Recipe, data, where)
    if dry_run:
        print(dump(recipe), end="")
        return None
    from rl.grpo import train  # torch takes seconds

    return train(recipe)
