"""One captioning job from beginning to end, or from where it was stopped to the end."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from facellm.batch.cluster import read_on_ray, total
from facellm.batch.inputs import Inputs
from facellm.batch.local import Captioner
from facellm.batch.output import (
    Format,
    beside,
    read_json,
    write_errors,
    write_json,
    write_table,
)
from facellm.batch.parts import Parts
from facellm.batch.progress import Progress
from facellm.batch.reading import read
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Record
from facellm.faces.sampling import Sampling

KEEP_EVERY = 15.0
"""Seconds of work that a kill costs at most, besides the group under way."""


JOB = "job.json"
NAMES = "input names and sizes"
Make = Callable[[], Captioner]
Executor = Literal["local", "ray"]


class Settings(Record):
    """What the rows depend on, besides the inputs; another value is another job."""

    model: str
    weights: str
    """A digest; empty where a server has them."""
    finder: str
    engine: str
    """`transformers`, `vllm` or `server`."""
    fps: float
    sample: Sampling
    format: Format
    executor: Executor = "local"


@dataclass(frozen=True)
class Job:
    """What to caption, how, and where to."""

    inputs: Inputs
    out: Path
    settings: Settings
    overwrite: bool = False
    """Throw away what is there and start again."""
    keep_every: float = KEEP_EVERY
    workers: int | None = None
    """Of Ray, see `facellm.batch.cluster`."""


def caption(job: Job, make: Make) -> dict[str, Any]:
    """Do a job, or what is left of it; returns its summary as it stands beside the table.

    Args:
        job: what to do.
        make: called without arguments for the `Captioner`, once there is something to read.

    Raises:
        FaceLLMError: nothing to read, an output of other settings, inputs that changed since, a
            second run of the same job, a server that stopped answering, a full disk.
    """
    if not job.out.parent.is_dir():
        raise FaceLLMError(f"no folder {given(job.out.parent)}; create it first")
    if job.out.is_dir():
        raise FaceLLMError(f"{given(job.out)} is a folder; expected a file to write")
    items, digest = job.inputs.measure()
    made_of = {**job.settings.model_dump(), "inputs": items, NAMES: digest}
    work, summary = beside(job.out, ".parts"), beside(job.out, ".json")
    if job.out.exists() and not job.overwrite:
        before = read_json(summary)
        if "settings" in before:
            _check_same(job.out, before["settings"], made_of)
            return {**before, "state": "finished before"}
        if not (work / JOB).is_file():
            raise FaceLLMError(
                f"{given(job.out)} exists and was not made by this command; "
                "choose another --out, or --overwrite it"
            )
    try:
        with _alone(work):
            if job.overwrite:
                _clear(work, job.out, beside(job.out, ".errors.csv"), summary)
            told = _finish(job, work, made_of, make)
            write_json(summary, told)
            _clear(work)
    except OSError as error:
        raise FaceLLMError(
            f"cannot write beside {given(job.out)}: {error.strerror or error}; "
            "what is done is kept: run the same command again"
        ) from None
    shutil.rmtree(work, ignore_errors=True)
    return told


def _finish(job: Job, work: Path, made_of: dict[str, Any], make: Make) -> dict[str, Any]:
    """Read what is left and write the table; returns the summary."""
    known = read_json(work / JOB)
    if known:
        _check_same(job.out, known, made_of)
    else:
        _clear(work)  # parts without their settings are what a cleaning left that was killed
        beside(job.out, ".json").unlink(missing_ok=True)  # of a table that is gone
        write_json(work / JOB, made_of)
    if job.settings.executor == "ray":
        parts, seconds = read_on_ray(
            job.inputs, work, make, job.settings, job.keep_every, job.workers
        )
    else:
        parts, seconds = _read(job, work, made_of["inputs"], make)
    write_table(parts, job.out, job.settings.format)
    write_errors(parts, beside(job.out, ".errors.csv"))
    return {
        "state": "finished", "settings": made_of, **total(parts).model_dump(),
        "left_out": dict(job.inputs.left_out), "seconds_of_last_run": round(seconds, 1),
    }  # fmt: skip


def _read(job: Job, work: Path, items: int, make: Make) -> tuple[list[Parts], float]:
    """Read what is left in this process; returns its parts and the seconds it took."""
    parts = Parts(work)
    parts.open()
    state = parts.state
    if state.done:
        return [parts], 0.0
    captioner = make()
    started = time.monotonic()
    progress = Progress(items, state.place.item, state.counts)
    try:
        read(job.inputs, parts, captioner, job.settings, job.keep_every, progress.show)
    finally:
        progress.close()
    return [parts], time.monotonic() - started


def _check_same(out: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on, or to keep a table, that was made with other settings."""
    different = [
        f"{name} {str(before.get(name))[:40]!r} there, {str(now[name])[:40]!r} now"
        for name in now
        if before.get(name) != now[name] and name != NAMES
    ]
    if not different and before.get(NAMES) != now[NAMES]:
        different = ["the inputs had other names or sizes"]
    if different:
        raise FaceLLMError(
            f"{given(out)} was begun with other settings: {'; '.join(different[:3])}; "
            "choose another --out, or --overwrite it"
        )


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Hold the job; the lock goes with the process, however that ends."""
    work.mkdir(exist_ok=True)
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FaceLLMError(
                f"another run is working in {given(work)}; wait for it, or choose another --out"
            ) from None
        yield


def _clear(work: Path, *files: Path) -> None:
    """Forget a job: its settings first, so that what a kill leaves of it is not taken for one."""
    for path in (work / JOB, *work.glob("[0-9]*"), *files):
        path.unlink(missing_ok=True)
    for block in work.glob("b[0-9]*"):
        shutil.rmtree(block)
