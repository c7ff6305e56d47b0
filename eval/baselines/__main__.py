"""`python -m eval.baselines RECIPE [key=value …]`."""

from pathlib import Path
from typing import Annotated

import typer

from eval.baselines.run import run
from facellm.core.errors import FaceLLMError


def main(
    recipe: Path,
    overrides: Annotated[list[str] | None, typer.Argument(help="dotted.key=value")] = None,
) -> None:
    """Train the baselines of RECIPE and write their predictions as tables."""
    try:
        run(recipe, overrides or ())
    except FaceLLMError as error:
        typer.echo(f"baselines: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
