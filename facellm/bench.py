"""`make bench`: how fast this machine does what users wait for, as one table.

Every number is the median of several repeats after a warm-up; the last column is their range.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

IMPORT = "import time; t = time.perf_counter(); import facellm; print(time.perf_counter() - t)"
QUESTION = "Which expression does this face show? Answer with the emotion as JSON."


class Row(NamedTuple):
    """One line of the table."""

    what: str
    values: list[float]
    unit: str


def main(
    model: Annotated[Path | None, typer.Option(help="Model folder; else the shipped one.")] = None,
    head: Annotated[str, typer.Option(help="Head of the rig: a folder, or procedural.")] = (
        "procedural"
    ),
    repeats: Annotated[int, typer.Option(help="Measurements of each number.", min=1)] = 5,
) -> None:
    """Measure and print."""
    print(f"{'what':<44} {'median':>9}  {'unit':<10} range", flush=True)
    for row in rows(model, head, repeats):
        low, high = min(row.values), max(row.values)
        middle = statistics.median(row.values)
        print(f"{row.what:<44} {middle:9.3g}  {row.unit:<10} {low:.3g} to {high:.3g}", flush=True)


def rows(model: Path | None, head: str, repeats: int) -> Iterator[Row]:
    """The measurements, one after the other: none may share the machine with another."""
    yield Row("import facellm", [_import_seconds() for _ in range(repeats)], "s")
    yield _rig(head, repeats)
    yield from _regions(model, repeats)
    yield from _in_process(model, repeats)
    yield from _served(model, repeats)


def _import_seconds() -> float:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _rates(work: Callable[[], Any], items: int, repeats: int) -> list[float]:
    """Items a second of `work`, which handles `items` of them, after one warm-up."""
    work()
    rates = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        rates.append(items / (time.perf_counter() - begun))
    return rates


def _rig(head: str, repeats: int) -> Row:
    import numpy as np

    from data_engine.rig import Rig, load_head, random_spec

    rig, frames = Rig(load_head(head), size=128), 20

    def render() -> None:
        rng = np.random.default_rng(0)
        for _ in range(frames):
            # A few frames a person, as in a corpus: a new one costs its texture.
            rig.render(random_spec(rng, identity=int(rng.integers(4))))

    return Row("rig, 128 px, one process", _rates(render, frames, repeats), "images/s")


def _photo() -> Any:
    from skimage import data

    from facellm.faces import load_image

    return load_image(data.astronaut())


def _regions(model: Path | None, repeats: int) -> Iterator[Row]:
    """The tower alone against tower and region encoder, taken in turn on the same views."""
    import torch

    from facellm.checkpoint import checkpoint_folder
    from facellm.engine import TransformersEngine
    from facellm.model.vision import ABSENT

    vision = TransformersEngine(checkpoint_folder(model)).model.model.vision
    config, views = vision.config, 16
    pixels = torch.randn(views, 3, config.image_size, config.image_size)
    landmarks = torch.full((views, config.max_faces, 68, 2), ABSENT, dtype=torch.int32)
    landmarks[:, 0] = torch.randint(2000, 8000, (views, 68, 2), dtype=torch.int32)
    with torch.inference_mode():
        pairs = [
            (
                _rates(lambda: vision.vision_tower(pixels), views, 1)[0],
                _rates(lambda: vision.see(pixels, landmarks), views, 1)[0],
            )
            for _ in range(4 * repeats)
        ]
    yield Row("vision tower alone", [plain for plain, _ in pairs], "views/s")
    yield Row("tower and region encoder", [both for _, both in pairs], "views/s")
    yield Row("added by the region encoder", [100 * (p / b - 1) for p, b in pairs], "% time")
    count = sum(p.numel() for p in vision.region_encoder.parameters())
    whole = sum(p.numel() for p in vision.vision_tower.parameters())
    yield Row("parameters of the region encoder", [100 * count / whole], "% of tower")


def _in_process(model: Path | None, repeats: int) -> Iterator[Row]:
    import facellm

    picture = _photo()
    reader = facellm.load(model)
    faces = reader.finder.find(picture)
    yield Row("find faces", _rates(lambda: reader.finder.find(picture), 1, repeats), "images/s")
    found = f"describe in process, {len(faces)} face" + "s" * (len(faces) != 1)
    yield Row(found, _rates(lambda: reader.describe(picture), 1, repeats), "images/s")


def _served(model: Path | None, repeats: int) -> Iterator[Row]:
    from serve.client import data_url
    from serve.process import ServerProcess

    url = data_url(_photo())
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        with ServerProcess(Path(folder) / "log.txt", model) as server:
            server.wait()
            ask = _asker(server, url)
            ask()
            yield Row("server, cold start to first answer", [time.perf_counter() - begun], "s")
            for width, count in ((1, 8), (16, 64)):
                rates = _rates(partial(_at_once, ask, width, count), count, repeats)
                yield Row(f"server, chat with a picture, {width} at once", rates, "requests/s")
            rates = _rates(lambda: server_describe(server, url), 1, repeats)
            yield Row("server, FaceReport", rates, "images/s")


def _at_once(ask: Callable[[], None], width: int, count: int) -> None:
    with ThreadPoolExecutor(width) as pool:
        for answer in [pool.submit(ask) for _ in range(count)]:
            answer.result()


def _asker(server: Any, url: str) -> Callable[[], None]:
    import httpx

    client = httpx.Client(base_url=server.url, timeout=300)
    picture = {"type": "image_url", "image_url": {"url": url}}
    body = {
        "model": server.model,
        "messages": [{"role": "user", "content": [picture, {"type": "text", "text": QUESTION}]}],
        "temperature": 0,
        "max_tokens": 32,
    }

    def ask() -> None:
        client.post("/v1/chat/completions", json=body).raise_for_status()

    return ask


def server_describe(server: Any, url: str) -> None:
    """One FaceReport from a running server."""
    import httpx

    answer = httpx.post(f"{server.url}/v1/face/analyze", json={"image": url}, timeout=300)
    answer.raise_for_status()


if __name__ == "__main__":
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    typer.run(main)
