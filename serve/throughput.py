"""What region guidance costs vLLM, and what vLLM gains over static batches, in one run.

python -m serve.throughput [MODEL] [--requests 64] [--rounds 3] [--out throughput.json]

    guided        the model in vLLM's engine
    plain         the same without guidance, region tokens and readings, in vLLM's engine
    transformers  the model by `transformers.generate`, in static batches of the requests' order

Each has a process of its own, started and warmed before; they take turns, round by round, so that
a machine that grows slower is so for all. Every request has another picture, of one face whose
points are given, and asks for another number of tokens, which is written to the end: answers are
as long for all. Nothing is compared between rounds that did not run one after the other.
"""

import json
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError
from facellm.prompts import Request

KINDS = ("guided", "plain", "transformers")
LENGTHS = (8, 200)
"""Tokens of an answer, drawn evenly on a logarithmic scale: many are short, some are long."""
BATCH = 32
"""Of `transformers.generate`."""
WARM = 4
"""Requests before anything is timed."""
Row = dict[str, Any]
Work = Callable[[Sequence[Request]], None]


def requests(count: int, seed: int) -> list[Request]:
    """Questions about one photograph in as many sizes, so that no picture is known already."""
    from skimage import data

    from facellm.faces import load_finder

    photo = Image.fromarray(data.astronaut()).crop((100, 0, 356, 256))
    [face] = load_finder().find(photo)
    rng = random.Random(seed)
    low, high = np.log(LENGTHS)
    made = []
    for number in range(count):
        side = 160 + number % 400
        points = np.asarray([face.points], np.float32) * side / photo.width
        length = round(float(np.exp(rng.uniform(low, high))))
        picture = photo.resize((side, side + number // 400))
        made.append(Request(picture, points, "Describe this face.", max_tokens=length))
    return made


def without_regions(folder: Path, out: Path) -> Path:
    """A copy of a checkpoint that has neither guidance nor region tokens."""
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    import facellm.model  # noqa: F401  (registers the classes that the Auto classes return)

    config = AutoConfig.from_pretrained(folder)
    config.vision_config.guidance = config.vision_config.read_out = False
    model = AutoModelForImageTextToText.from_pretrained(folder, config=config)
    model.save_pretrained(out)
    processor = AutoProcessor.from_pretrained(folder)
    processor.face_tokens = config.vision_config.face_tokens
    processor.save_pretrained(out)
    return out


def _by_vllm(folder: Path) -> Work:
    from serve.offline import vllm_engine

    engine = vllm_engine(folder)
    from vllm import SamplingParams

    def work(asked: Sequence[Request]) -> None:
        lengths = [
            SamplingParams(temperature=0, max_tokens=one.max_tokens, ignore_eos=True)
            for one in asked
        ]
        engine.llm.generate([engine.prompt(one) for one in asked], lengths, use_tqdm=False)

    return work


def _by_transformers(folder: Path) -> Work:
    from facellm.engine import TransformersEngine

    engine = TransformersEngine(folder)

    def work(asked: Sequence[Request]) -> None:
        for start in range(0, len(asked), BATCH):
            batch = list(asked[start : start + BATCH])
            longest = max(one.max_tokens for one in batch)
            engine.model.generate(
                **engine.inputs(batch),
                do_sample=False,
                min_new_tokens=longest,
                max_new_tokens=longest,
            )

    return work


def _serve(kind: str, folder: Path, count: int, pipe: Connection) -> None:
    """A process that answers the requests of a round whenever it is told its number."""
    work = (_by_transformers if kind == "transformers" else _by_vllm)(folder)
    work(requests(WARM, seed=0))
    pipe.send("ready")
    while (number := pipe.recv()) is not None:
        asked = requests(count, seed=number)
        start = time.perf_counter()
        work(asked)
        pipe.send((time.perf_counter() - start, sum(one.max_tokens for one in asked)))


def measure(folder: Path, count: int, rounds: int) -> list[Row]:
    """Seconds of each kind in each round, one kind after the other."""
    context = multiprocessing.get_context("spawn")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as made:
        plain = without_regions(folder, Path(made))
        workers = {}
        for kind in KINDS:
            ours, theirs = context.Pipe()
            source = plain if kind == "plain" else folder
            worker = context.Process(target=_serve, args=(kind, source, count, theirs), daemon=True)
            worker.start()
            theirs.close()
            ours.recv()
            workers[kind] = (worker, ours)
        for number in range(1, rounds + 1):
            for kind, (_, pipe) in workers.items():
                pipe.send(number)
                seconds, tokens = pipe.recv()
                rows.append({
                    "kind": kind, "round": number, "requests": count,
                    "requests_per_second": round(count / seconds, 3),
                    "tokens_per_second": round(tokens / seconds, 1),
                })  # fmt: skip
                print(json.dumps(rows[-1]), flush=True)
        for worker, pipe in workers.values():
            pipe.send(None)
            worker.join(10)
    return rows


def ratios(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Throughput of the guided model over that of the others, round by round."""
    rate = {(row["kind"], row["round"]): row["requests_per_second"] for row in rows}
    numbers = sorted({row["round"] for row in rows})
    return {
        f"guided/{other}": [round(rate["guided", n] / rate[other, n], 3) for n in numbers]
        for other in KINDS[1:]
    }


def main(
    model: Annotated[Path | None, typer.Argument(help="Model folder; the shipped one.")] = None,
    count: Annotated[int, typer.Option("--requests", help="Requests of a round.", min=1)] = 64,
    rounds: Annotated[int, typer.Option(help="Rounds of each kind.", min=1)] = 3,
    out: Annotated[Path | None, typer.Option(help="Write the numbers here as JSON.")] = None,
) -> None:
    """Compare the three in one run."""
    rows = measure(checkpoint_folder(model), count, rounds)
    found = ratios(rows)
    for name, values in found.items():
        print(f"{name}: median {statistics.median(values):.2f}, rounds {values}")
    if out is not None:
        out.write_text(json.dumps({"rows": rows, "ratios": found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    try:
        typer.run(main)
    except FaceLLMError as error:
        raise SystemExit(f"facellm: {error}") from None
