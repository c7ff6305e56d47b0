"""How fast the evaluation itself is, measured where it runs.

    python -m eval.bench [--predictions 10000] [--calls 2000]

- scoring: that many stored predictions of a task, from the table on disk to report and figures,
  with the rows `majority` and `shuffled` beside them, as every run has them;
- asking: a local server that takes 200 ms a call, in a process of its own, asked by the evaluation
  with 64 calls in flight; as a share of what a bare asyncio client with as many connections, which
  sends ready-made requests and reads no answer, gets out of the same server.
"""

import asyncio
import base64
import csv
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from PIL import Image

from eval.benchmark import Benchmark
from eval.models.endpoint import Endpoint
from eval.run import run
from facellm.core.emotions import EMOTIONS
from facellm.core.facs import PROTOCOLS
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, write_samples

IN_FLIGHT = 64
SECONDS_A_CALL = 0.2
PEOPLE = 200
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "anger"}, "finish_reason": "stop"}
REPLY = {"id": "0", "object": "chat.completion", "created": 0, "model": "fake", "choices": [CHOICE]}


class Seconds(NamedTuple):
    """How long something took."""

    clock: float
    processor: float
    """Of this process alone, which other work on the machine does not stretch."""


def write_corpus(folder: Path, count: int) -> Path:
    """A corpus of `count` labelled faces of `PEOPLE` people, all in the split `test`."""
    folder.mkdir(parents=True)
    rng = random.Random(0)
    Image.effect_noise((160, 160), 40).convert("RGB").save(folder / "face.jpg")
    write_samples(folder / "samples.jsonl", (_sample(rng, n) for n in range(count)))
    return folder


def _sample(rng: random.Random, number: int) -> Sample:
    units = {unit: float(rng.choice((0, 0, 0, 1, 2, 3, 4))) for unit in PROTOCOLS["rig23"].units}
    labels = FaceLabels(
        emotion=rng.choice(EMOTIONS), action_units=units, groups={"light": "ab"[number % 2]}
    )
    who = Provenance(source="bench", licence="none", subject_id=f"p{number % PEOPLE}")
    face = Face(box=(20, 20, 140, 140), labels=labels)
    return Sample(id=f"{number:06}", image="face.jpg", faces=[face], provenance=who, split="test")


def time_scoring(folder: Path, count: int, task: str) -> Seconds:
    """Score and report `count` stored predictions of a task, `expression` or `action_units`."""
    corpus = write_corpus(folder / "corpus", count)
    units = [f"AU{unit:02}" for unit in PROTOCOLS["disfa12"].units]
    rng = random.Random(1)
    with (folder / "tool.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "emotion", *units])
        for n in range(count):
            numbers = [round(rng.uniform(0, 5), 2) for _ in units]
            table.writerow([f"{n:06}", rng.choice(EMOTIONS), *numbers])
    columns = {"emotion": "emotion"} if task == "expression" else {"units": "AU{:02d}"}
    model = {"kind": "stored", "path": str(folder / "tool.csv"), "columns": columns}
    recipe = {
        "output_dir": str(folder / "run"),
        "benchmarks": [{"name": task, "task": task, "corpus": str(corpus)}],
        "models": {"tool": model},
    }
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(recipe))
    return _timed(lambda: run(path))


def time_asking(folder: Path, calls: int) -> tuple[Seconds, Seconds]:
    """A bare client and the evaluation, as many calls to the same server."""
    corpus = write_corpus(folder / "corpus", calls)
    benchmark = Benchmark(name="calls", task="expression", corpus=corpus)
    questions = benchmark.questions()
    with server() as port:
        bare = _timed(lambda: asyncio.run(_bare(port, calls, _request(corpus, questions[0].text))))
        model = Endpoint(
            base_url=f"http://127.0.0.1:{port}/v1", model="fake", concurrency=IN_FLIGHT
        )
        asyncio.run(_asked(model, questions[:IN_FLIGHT]))  # loads the client, opens files
        return bare, _timed(lambda: asyncio.run(_asked(model, questions)))


def _timed(work: Callable[[], object]) -> Seconds:
    begun, used = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - begun, time.process_time() - used)


async def _asked(model: Endpoint, questions: Any) -> None:
    count = 0
    async for answer in model.answers(questions):
        assert answer.text == "anger", answer
        count += 1
    assert count == len(questions)


def _request(corpus: Path, text: str) -> bytes:
    """A whole request as the evaluation sends it."""
    picture = base64.b64encode((corpus / "face.jpg").read_bytes()).decode()
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{picture}"}},
        {"type": "text", "text": text},
    ]
    body = json.dumps({"model": "fake", "messages": [{"role": "user", "content": parts}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _bare(port: int, calls: int, request: bytes) -> None:
    left = iter(range(calls))

    async def worker() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(request)
            await _message(reader)
        writer.close()

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def _message(reader: asyncio.StreamReader) -> None:
    """Read one HTTP message with a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    await reader.readexactly(length)


@contextmanager
def server() -> Iterator[int]:
    """A chat server in its own process; yields its port."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Any) -> None:
    body = json.dumps(REPLY).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reply = head.encode() + body

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await _message(reader)
                await asyncio.sleep(SECONDS_A_CALL)
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        listening = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4 * IN_FLIGHT)
        pipe.send(listening.sockets[0].getsockname()[1])
        await listening.serve_forever()

    asyncio.run(serve())


def main(
    predictions: Annotated[int, typer.Option(help="Stored predictions to score.")] = 10_000,
    calls: Annotated[int, typer.Option(help="Calls to the local server.")] = 2000,
) -> None:
    """Measure and print a table."""
    lines = []
    with tempfile.TemporaryDirectory() as place:
        for task in ("expression", "action_units"):
            took = time_scoring(Path(place) / task, predictions, task)
            lines.append(
                f"| {predictions} stored predictions, {task} | {took.clock:.1f} s "
                f"({took.processor:.1f} s of processor) |"
            )
        bare, ours = time_asking(Path(place) / "calls", calls)
    lines += [
        f"| a server of {SECONDS_A_CALL * 1000:.0f} ms, {IN_FLIGHT} bare connections "
        f"| {calls / bare.clock:.0f} calls/s |",
        f"| the same, evaluation | {calls / ours.clock:.0f} calls/s, {bare.clock / ours.clock:.1%} "
        f"of it ({ours.processor / calls * 1000:.1f} ms of processor a call) |",
    ]
    print("\n".join(["| what | how fast |", "|---|---|", *lines]))


if __name__ == "__main__":
    typer.run(main)
