"""`python -m data_engine.rig HEAD --out DIR --count N ...`: render a corpus."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def main(
    head: Annotated[str, typer.Argument(help="Folder of ICT-FaceKit, or 'procedural'.")],
    out: Annotated[Path, typer.Option(help="Folder to write; made if missing.")],
    count: Annotated[int, typer.Option(help="Frames.")] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same corpus.")] = 0,
    identities: Annotated[int, typer.Option(help="People the frames go round.")] = 100,
    start_identity: Annotated[int, typer.Option(help="Number of the first person.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes, one core each.")] = 1,
    size: Annotated[int, typer.Option(help="Image side in pixels.")] = 128,
) -> None:
    """Render faces with exact action units, points, pose and gaze."""
    # Read when numpy loads, hence before the imports: a worker is one process on one core.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from data_engine.rig.corpus import Job, render_corpus
    from facellm.core.errors import one_line

    begun, told = time.monotonic(), 0.0
    with one_line("error"):
        for done in render_corpus(
            Job(head, out, count, seed, identities, start_identity, size), workers
        ):
            now = time.monotonic()
            if now - told > 20 or done == count:
                told = now
                typer.echo(f"{done}/{count} frames, {done / (now - begun):.1f} a second", err=True)


if __name__ == "__main__":
    app()
