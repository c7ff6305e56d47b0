"""What the engine costs: `python -m data_engine.bench`.

    templates    verified rows a second, without a teacher, by workers and executor
    teacher      calls a second, as a share of what the server can do
    memory       peak memory of a short and of a long run

Nothing is read from disk: the items are computed as they are asked for.
"""

import json
import multiprocessing
import random
import resource
import tempfile
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import typer
import yaml

from data_engine.bench_server import serving
from data_engine.row import Making, Message, Part, Row
from data_engine.sources.base import Source
from data_engine.step import Item, Reject, Step
from facellm.core.facs import ACTION_UNITS
from facellm.core.sample import Face, FaceLabels, Provenance, Sample

HERE = "data_engine.bench"
PROVENANCE = Provenance(source="bench", licence="none", subject_id="nobody")
FACE = Face(
    box=(20.0, 20.0, 100.0, 100.0),
    points=[(20.0 + n % 9 * 9.375, 20.0 + n // 9 * 9.875) for n in range(68)],
    visible=[True] * 68,
)
"""Where every face lies: drawing that anew took a tenth of the time of a row, and no text tells."""
NOT_OF_THE_RIG = (11, 13, 45)
"""Units that the rig does not move: the bench labels faces as the rig does."""
DELAY, AT_ONCE = 0.2, 64
"""Seconds a call of the teacher takes, calls it works on at once."""
SPARE = 16
"""Calls that wait at the teacher in a second run, so that it need not wait for ours."""


class Samples(Source):
    """Faces with all the labels the rig gives, or smiling ones only."""

    name: ClassVar[str] = "bench"
    licence: ClassVar[str] = "none"

    path: Path = Path(".")
    count: int
    """How many."""
    smiling: bool = False
    """The same happy face each time, as the bench's teacher describes it."""

    def read(self, out: Path) -> Iterator[Item]:
        for n in range(self.count):
            yield _sample(n, self.smiling)


class Rows(Source):
    """Conversations."""

    name: ClassVar[str] = "bench_rows"
    licence: ClassVar[str] = "none"

    path: Path = Path(".")
    count: int
    """How many."""

    def read(self, out: Path) -> Iterator[Item]:
        for n in range(self.count):
            yield _row(n)


class Pass(Step):
    """Nothing: what is measured is the engine."""

    name: ClassVar[str] = "pass"

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        yield from items


def _sample(n: int, smiling: bool) -> Sample:
    rng = random.Random(n)
    if smiling:
        labels = FaceLabels(emotion="happiness", action_units={12: 3.0})
    else:
        units = dict.fromkeys((u for u in ACTION_UNITS if u not in NOT_OF_THE_RIG), 0.0)
        units |= {u: rng.uniform(1, 5) for u in rng.sample([*units], rng.randrange(6))}
        labels = FaceLabels(
            emotion=rng.choice(["anger", "happiness", "sadness", "surprise", "neutral"]),
            action_units=units,
            pose=(0.0, round(rng.uniform(-0.5, 0.5), 3), 0.0),
            gaze=(0.0, round(rng.uniform(-0.3, 0.3), 3)),
        )
    face = FACE.model_copy(update={"labels": labels})
    return Sample.trusted(
        id=f"s{n}",
        image=f"{n}.jpg",
        faces=[face],
        provenance=PROVENANCE,
        split="train",
        pair=None,
    )


def _row(n: int) -> Row:
    said = f"Picture {n}: the lip corners are pulled up (AU12, marked). " * 5
    turns = [("user", "What does the face show?"), ("assistant", said)]
    return Row(
        id=f"r{n}",
        sample_ids=[f"s{n}"],
        images=[f"{n}.jpg"],
        messages=[Message(role=r, content=[Part(type="text", text=t)]) for r, t in turns],  # type: ignore[arg-type]
        task="caption",
        provenance=PROVENANCE,
        making=Making(writer="caption"),
    )


class Measured(NamedTuple):
    """One run."""

    seconds: float
    cpu: float
    """Seconds of CPU, workers included."""
    rows: int
    megabytes: float
    """Peak memory of the largest process."""
    stages: list[dict[str, Any]]
    """As in the run's summary: `first` and `last` are the seconds at which shards were there."""

    @property
    def first(self) -> tuple[float, float]:
        """Seconds at which the source was read, and at which the first shard was verified. Ray
        begins after the one; here and on Ray the other holds the start of the workers."""
        return self.stages[0]["last"], self.stages[-1]["first"]

    @property
    def whole(self) -> float:
        """Rows a second of the whole run, its start and its end included."""
        return self.rows / self.seconds

    @property
    def sustained(self) -> float:
        """Items a second of the last stage between its first and its last shard."""
        last = self.stages[-1]
        share = (last["shards"] - 1) / last["shards"]
        return float(last["items"] * share / max(last["last"] - last["first"], 1e-9))


def measure(recipe: dict[str, Any]) -> Measured:
    """Run a recipe in a process of its own, into a folder that is thrown away."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = context.Pipe()
        data = {"output_dir": f"{folder}/run", **recipe}
        process = context.Process(target=_measured, args=(theirs, folder, data))
        process.start()
        theirs.close()
        result = ours.recv()  # EOFError: the run failed and has said why
        process.join()
    return Measured(*result)


def _measured(answer: Connection, folder: str, data: dict[str, Any]) -> None:
    from data_engine.run import run

    path = Path(folder) / "recipe.yaml"
    path.write_text(yaml.safe_dump(data))
    corpus = run(path)
    summary = json.loads((corpus / "summary.json").read_text())
    report = json.loads((corpus / "report.json").read_text())
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in used)
    peak = max(usage.ru_maxrss for usage in used) / 1024  # Linux counts kilobytes
    rows = report["items"].get("rows", 0)
    answer.send((summary["seconds"], cpu, rows, peak, summary["stages"]))


def templates(count: int, workers: int, executor: str) -> Measured:
    """Samples to verified rows without a teacher."""
    return measure(
        {
            "source": {"use": f"{HERE}:Samples", "count": count},
            "steps": [{"use": "write"}, {"use": "verify"}],
            "shard_size": max(count // 64, 1),
            "workers": workers,
            "executor": executor,
        }
    )


class Taught(NamedTuple):
    """How busy a teacher was kept."""

    asking: int
    """Calls the engine has in flight."""
    rate: float
    """Calls a second, from the first to the last."""
    whole: float
    """Calls a second of the whole run: with its start and its end."""
    most: float
    """What the server gave a client without work, right before."""
    at_once: int
    """Most calls at once."""
    cpu: float
    """Milliseconds of the client's CPU a call, its start included."""


def teacher(count: int, asking: int) -> Taught:
    """Samples to rows worded by a server on this machine, which works on `AT_ONCE` calls."""
    with serving(DELAY, AT_ONCE) as service:
        most = service.most(count // 4, asking)
        asked = {"kind": "endpoint", "model": "bench", "base_url": service.url}
        step = {"use": "teach", "teacher": asked, "concurrency": asking, "repairs": 0}
        got = measure(
            {
                "source": {"use": f"{HERE}:Samples", "count": count, "smiling": True},
                "steps": [{**step, "writers": ["caption"]}],
                "shard_size": 1000,
            }
        )
        calls, seconds, at_once = service.served()
    cpu = 1000 * got.cpu / calls
    return Taught(asking, calls / seconds, calls / got.seconds, most, at_once, cpu)


def memory(count: int) -> Measured:
    """Rows through the engine, without work."""
    source = {"use": f"{HERE}:Rows", "count": count}
    return measure({"source": source, "steps": [{"use": f"{HERE}:Pass"}]})


def _templates(samples: int, workers: list[int], executors: list[str]) -> None:
    """Print each run, and how it compares with the first and with the one without Ray."""
    runs: dict[tuple[str, int], Measured] = {}
    for count in workers:
        for executor in executors:
            got = runs[executor, count] = templates(samples * count, count, executor)
            said = (
                f"{got.whole:8,.0f} rows/s in all, "
                f"{got.sustained:8,.0f} from the first shard on; "
                f"source read at {got.first[0]:.1f} s, "
                f"first shard at {got.first[1]:.1f} s"
            )
            if executor == "local":  # Ray's actors are no children: their CPU is not seen
                said += f"  {got.rows / got.cpu:8,.0f} rows/CPU s"
            typer.echo(f"templates, {executor}, {count} workers: {said}  ({got.rows} rows)")
            for other in ((executor, workers[0]), ("local", count)):
                if other in runs and runs[other] is not got:
                    than = runs[other]
                    typer.echo(
                        f"  against {other[0]}, {other[1]} workers: "
                        f"{got.whole / than.whole:.2f} times in all, "
                        f"{got.sustained / than.sustained:.2f} from the first shard on"
                    )


def main(
    only: Annotated[list[str] | None, typer.Option(help="templates, teacher, memory.")] = None,
    samples: Annotated[int, typer.Option(help="Of the templates' run, a worker.")] = 4000,
    calls: Annotated[int, typer.Option(help="Of the teacher, about.")] = 6000,
    rows: Annotated[int, typer.Option(help="Of the long run for memory.")] = 1_000_000,
    workers: Annotated[list[int] | None, typer.Option(help="Numbers of workers.")] = None,
    ray: Annotated[bool, typer.Option(help="Also on a local Ray instance.")] = False,
) -> None:
    """Measure and print one line a measurement."""
    wanted = only or ["templates", "teacher", "memory"]
    if "templates" in wanted:
        _templates(samples, workers or [1, 2], ["local", "ray"] if ray else ["local"])
    if "teacher" in wanted:
        for asking in (AT_ONCE, AT_ONCE + SPARE):
            busy = teacher(calls, asking)
            typer.echo(
                f"teacher, {busy.asking} asked: {busy.rate:.1f} calls/s sustained = "
                f"{busy.rate * DELAY / AT_ONCE:.1%} of {AT_ONCE / DELAY:.0f}, "
                f"{busy.rate / busy.most:.1%} of the {busy.most:.1f} of a client without work; "
                f"{busy.whole:.1f} with start and end, at most {busy.at_once} at once, "
                f"{busy.cpu:.2f} ms of CPU a call"
            )
    if "memory" in wanted:
        for count in (10_000, rows):
            got = memory(count)
            typer.echo(
                f"memory, {count:9,} rows: {got.megabytes:6.1f} MB at most, "
                f"{count / got.cpu:,.0f} rows/CPU s"
            )


if __name__ == "__main__":
    typer.run(main)
