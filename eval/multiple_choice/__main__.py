"""`python -m eval.multiple_choice RECIPE [key=value …]`."""

from pathlib import Path
from typing import Annotated

import typer

from eval.multiple_choice.run import run
from facellm.core.errors import FaceLLMError


def main(
    recipe: Path,
    overrides: Annotated[list[str] | None, typer.Argument(help="dotted.key=value")] = None,
) -> None:
    """Ask and score the multiple-choice questions of RECIPE."""
    try:
        run(recipe, overrides or ())
    except FaceLLMError as error:
        typer.echo(f"multiple_choice: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
