"""`python -m eval.baselines RECIPE [key=value …]`."""

from pathlib import Path
from typing import Annotated

import typer

from eval.baselines.run import run
from facellm.core.errors import one_line


def main(
    recipe: Path,
    overrides: Annotated[list[str] | None, typer.Argument(help="dotted.key=value")] = None,
) -> None:
    """Train the baselines of RECIPE and write their predictions as tables."""
    with one_line("baselines"):
        run(recipe, overrides or ())


if __name__ == "__main__":
    typer.run(main)
