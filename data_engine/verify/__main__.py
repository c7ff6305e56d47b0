"""`python -m data_engine.verify`: print the precision and recall of the verification."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def main(
    faces: Annotated[int, typer.Option(help="Random faces, each in all forms and kinds.")] = 300,
    seed: Annotated[int, typer.Option(help="Same seed, same texts.")] = 0,
    prose: Annotated[Path | None, typer.Option(help="JSON lines of prose by other hands.")] = None,
    part: Annotated[str | None, typer.Option(help="Only this part of the prose.")] = None,
    tolerance: Annotated[int, typer.Option(help="Intensity steps a text may be off.")] = 1,
) -> None:
    """Corrupt correct texts in known ways and count what the verification catches."""
    from data_engine.verify.claims import Policy
    from data_engine.verify.corrupt import cases, free_cases
    from data_engine.verify.table import as_markdown, judge
    from facellm.core.errors import one_line

    with one_line("error"):
        found = list(cases(faces, seed))
        if prose is not None:
            found += free_cases(prose, part)
    typer.echo(as_markdown(judge(found, Policy(tolerance=tolerance))))


if __name__ == "__main__":
    app()
