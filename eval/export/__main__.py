"""`python -m eval.export lmms-eval RECIPE OUT`, or `vlmevalkit`: the recipe's benchmarks."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from eval.export import lmms_eval, vlmevalkit
from eval.recipe import Recipe
from facellm.core.errors import one_line
from facellm.core.recipe import load

WRITERS = {"lmms-eval": lmms_eval.write, "vlmevalkit": vlmevalkit.write}


def main(
    form: Literal["lmms-eval", "vlmevalkit"],
    recipe: Path,
    out: Path,
    overrides: Annotated[list[str] | None, typer.Argument(help="dotted.key=value")] = None,
) -> None:
    """Write every benchmark of RECIPE into OUT for another runner."""
    with one_line("export"):
        for benchmark in load(Recipe, recipe, overrides or ()).expanded():
            print(WRITERS[form](benchmark, out))


if __name__ == "__main__":
    typer.run(main)
