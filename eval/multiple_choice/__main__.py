"""`python -m eval.multiple_choice RECIPE [key=value …]`."""

from pathlib import Path
from typing import Annotated

import typer

from eval.multiple_choice.run import run
from facellm.core.errors import one_line


def main(
    recipe: Path,
    overrides: Annotated[list[str] | None, typer.Argument(help="dotted.key=value")] = None,
) -> None:
    """Ask and score the multiple-choice questions of RECIPE."""
    with one_line("multiple_choice"):
        run(recipe, overrides or ())


if __name__ == "__main__":
    typer.run(main)
