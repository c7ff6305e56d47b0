"""How fast pictures are captioned, against a plain loop over the API, in one run.

python -m serve.caption_rates [MODEL] [--pictures 64] [--rounds 3] [--out rates.json]

    naive         what one writes at first: each picture posted to a server, then the next one
    server        `facellm caption --server`, several pictures under way at the same server
    transformers  `facellm caption`, the model in the process
    vllm          `facellm caption --engine vllm`, vLLM's engine in the process

Every round of each way has pictures of its own, which no cache knows, of one face each, as files.
All write the same columns; the processor time of the two that ask a server includes the server's.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from facellm.batch import Job, LocalCaptioner, Settings, caption
from facellm.batch.command import VLLM_GROUP
from facellm.batch.inputs import Inputs
from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import one_line
from facellm.core.fex import rows_of
from facellm.faces import load_finder
from facellm.reader import FaceReader
from serve.process import ServerProcess
from serve.throughput import requests
from serve.turns import Done, Work, compared, in_turns, save

CONCURRENCY = 16
WARM = 4
"""Pictures before anything is timed."""
WAYS = ("naive", "server", "transformers", "vllm")


def write_pictures(folder: Path, count: int, number: int) -> Path:
    """Pictures that only this round of this way has, as files."""
    made = folder / f"round {number}"
    made.mkdir(parents=True)
    seed = len(WAYS) * number + WAYS.index(folder.name)
    for place, one in enumerate(requests(count if number else WARM, seed)):
        one.image.save(made / f"{place:05d}.png")
    return made


def by_caption(folder: Path, count: int, make: Callable[[], Any], pid: int | None) -> Work:
    """Rounds by a job of `facellm caption`, whose captioner is made once.

    Args:
        folder: for pictures and tables; its name is the way's.
        count: pictures of a round.
        make: makes the captioner.
        pid: of the server that works for it.
    """
    captioner = make()

    def work(number: int) -> Callable[[], Done]:
        pictures = write_pictures(folder, count, number)
        out = folder / f"round {number}.parquet"
        settings = Settings(
            model="measured", weights="", finder="builtin", engine="transformers", fps=2.0,
            sample="uniform", format="parquet",
        )  # fmt: skip
        job = Job(Inputs([str(pictures)]), out, settings, overwrite=True)

        def do() -> Done:
            before = cpu_seconds(pid)
            told = caption(job, lambda: captioner)
            return Done(told["rows"], cpu_seconds(pid) - before)

        return do

    return work


def naive(folder: Path, count: int, url: str, pid: int) -> Work:
    """Rounds by a loop over the API."""
    import pandas as pd

    from serve.client import ServerReader

    reader = ServerReader(url)

    def work(number: int) -> Callable[[], Done]:
        pictures = write_pictures(folder, count, number)

        def do() -> Done:
            before, rows = cpu_seconds(pid), []
            for path in sorted(pictures.iterdir()):
                rows += rows_of(reader.describe(path), str(path), 0, None)
            pd.DataFrame(rows).to_parquet(folder / f"round {number}.parquet")
            return Done(len(rows), cpu_seconds(pid) - before)

        return do

    return work


def cpu_seconds(pid: int | None) -> float:
    """Processor time so far of a process and all it has started; 0 of none."""
    if pid is None:
        return 0.0
    import psutil

    server = psutil.Process(pid)
    times = [one.cpu_times() for one in [server, *server.children(recursive=True)]]
    return float(sum(one.user + one.system for one in times))


def asking(url: str) -> Any:
    """A captioner that asks a server."""
    from serve.batch import ServerCaptioner
    from serve.client import ServerReader

    return ServerCaptioner(ServerReader(url), CONCURRENCY)


def by_transformers(model: Path) -> LocalCaptioner:
    """A captioner with the model in this process."""
    from facellm.engine import TransformersEngine

    return LocalCaptioner(FaceReader(TransformersEngine(model), load_finder()))


def by_vllm(model: Path) -> LocalCaptioner:
    """A captioner with vLLM's engine in this process."""
    from serve.offline import vllm_engine

    return LocalCaptioner(FaceReader(vllm_engine(model), load_finder()), VLLM_GROUP)


def main(
    model: Annotated[Path | None, typer.Argument(help="Model folder; the shipped one.")] = None,
    count: Annotated[int, typer.Option("--pictures", help="Pictures of a round.", min=1)] = 64,
    rounds: Annotated[int, typer.Option(help="Rounds of each way.", min=1)] = 3,
    out: Annotated[Path | None, typer.Option(help="Write the numbers here as JSON.")] = None,
) -> None:
    """Compare them in one run."""
    with one_line("serve.caption_rates"), tempfile.TemporaryDirectory() as made:
        chosen, places = checkpoint_folder(model), Path(made)
        with ServerProcess(places / "server.log", chosen) as server:
            server.wait()
            captioners = {
                "server": (partial(asking, server.url), server.pid),
                "transformers": (partial(by_transformers, chosen), None),
                "vllm": (partial(by_vllm, chosen), None),
            }
            ways = {"naive": partial(naive, places / "naive", count, server.url, server.pid)}
            ways |= {
                name: partial(by_caption, places / name, count, make, pid)
                for name, (make, pid) in captioners.items()
            }
            rows = in_turns(ways, rounds)
    found = {name: compared(rows, name, WAYS[:1]) for name in WAYS[1:]}
    save(out, rows, found)


if __name__ == "__main__":
    typer.run(main)
