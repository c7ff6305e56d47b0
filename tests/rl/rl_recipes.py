"""A recipe that a debug model with random weights can run."""

from pathlib import Path
from typing import Any

from facellm.core.recipe import check
from rl.recipe import Recipe

TOKENS = 64


def recipe(folder: Path, checkpoint: Path, *corpora: Path, **options: Any) -> Recipe:
    """A debug model seldom stops: how soon it does is what its answers differ in."""
    return check(
        Recipe,
        {
            "output_dir": folder, "model_name_or_path": checkpoint,
            "corpora": [{"path": path} for path in corpora],
            "rubric": {"length": {"free": 1, "limit": TOKENS}},
            "num_generations": 4, "per_device_train_batch_size": 8, "max_steps": 2,
            "max_completion_length": TOKENS, "learning_rate": 1e-3, "use_cpu": True, "threads": 1,
            "evaluate": 0, "check": {"prompts": 0}, "save_steps": 2,
        } | options,
        "recipe",
    )  # fmt: skip
