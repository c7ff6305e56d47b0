"""One captioning job from beginning to end, or from where it was stopped to the end."""

import fcntl
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from facellm.batch.parts import Counts, Parts, State
from facellm.batch.progress import Progress
from facellm.batch.stream import Moment, stream
from facellm.core.errors import FaceLLMError, given
from facellm.core.fex import Row, error_row, rows_of
from facellm.core.report import FaceReport
from facellm.core.sample import Record
from facellm.faces.sampling import Sampling
from facellm.faces.track import Tracker

MOST_PIXELS = 64_000_000
"""Of the pictures that are handed over at once, unless one alone has more."""
AHEAD = 4
"""Threads that load pictures and look for faces while the model works."""
KEEP_EVERY = 15.0
"""Seconds of work that a kill costs at most, besides the group under way."""


JOB = "job.json"
NAMES = "input names and sizes"
Make = Callable[[], Captioner]


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


@dataclass(frozen=True)
class Job:
    """What to caption, how, and where to."""

    inputs: Inputs
    out: Path
    settings: Settings
    overwrite: bool = False
    """Throw away what is there and start again."""
    keep_every: float = KEEP_EVERY


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
    parts = Parts(work)
    parts.open()
    seconds = _read(job, parts, made_of["inputs"], make)
    write_table(parts, job.out, job.settings.format)
    write_errors(parts, beside(job.out, ".errors.csv"))
    return {
        "state": "finished", "settings": made_of, **parts.state.counts.model_dump(),
        "left_out": dict(job.inputs.left_out), "seconds_of_last_run": round(seconds, 1),
    }  # fmt: skip


def _read(job: Job, parts: Parts, items: int, make: Make) -> float:
    """Read what is left, part by part; returns the seconds it took."""
    state = parts.state
    if state.done:
        return 0.0
    if state.counts.rows:
        print(f"going on after {state.counts.rows} rows", file=sys.stderr, flush=True)
    captioner = make()
    started = kept = time.monotonic()
    progress = Progress(items, state.place.item, state.counts)
    rows: list[Row] = []
    moments = stream(job.inputs, state.place, job.settings.fps, job.settings.sample)
    try:
        for group, looked in _looked(moments, captioner):
            state = _caption_group(group, looked, captioner, state, rows)
            last = group[-1]
            progress.show(last.after.item + last.share * (last.share < 1), state.counts)
            if time.monotonic() - kept >= job.keep_every:
                parts.add(rows, state)
                rows, kept = [], time.monotonic()
        parts.add(rows, state.model_copy(update={"done": True}))
    finally:
        progress.close()
    return time.monotonic() - started


Ahead = Future[object] | None


def _looked(
    moments: Iterator[Moment], captioner: Captioner
) -> Iterator[tuple[list[Moment], list[Ahead]]]:
    """Groups of moments with what was found out ahead; one group is ahead of the model.

    Where groups begin and end depends on nothing but the stream from their first moment on, and
    parts end with groups: batches, and so the answers, are the same after a resume.
    """
    with ThreadPoolExecutor(AHEAD) as threads:

        def look(moment: Moment) -> object:
            assert moment.load is not None
            return captioner.look(moment.load())

        waiting: tuple[list[Moment], list[Ahead]] | None = None
        try:
            for group in _groups(moments, captioner.group):
                ahead = [None if one.load is None else threads.submit(look, one) for one in group]
                if waiting is not None:
                    yield waiting
                waiting = group, ahead
            if waiting is not None:
                yield waiting
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _groups(moments: Iterator[Moment], most: int) -> Iterator[list[Moment]]:
    group: list[Moment] = []
    pixels = 0
    for moment in moments:
        if group and (len(group) == most or pixels + moment.pixels > MOST_PIXELS):
            yield group
            group, pixels = [], 0
        group.append(moment)
        pixels += moment.pixels
    if group:
        yield group


def _caption_group(
    group: list[Moment], ahead: list[Ahead], captioner: Captioner, state: State, rows: list[Row]
) -> State:
    """Append the rows of a group; returns the state after it."""
    results: dict[int, FaceReport | FaceLLMError] = {}
    looked: dict[int, object] = {}
    for place, (moment, future) in enumerate(zip(group, ahead, strict=True)):
        if future is None:
            results[place] = FaceLLMError(moment.error or "")
            continue
        try:
            looked[place] = future.result()
        except FaceLLMError as error:
            results[place] = error
    results |= zip(looked, captioner.describe(list(looked.values())), strict=True)
    clip, tracker, counts = state.clip, state.tracker, state.counts.model_dump()
    for place, moment in enumerate(group):
        result = results[place]
        if moment.clip is not None and moment.clip != clip:
            clip, tracker = moment.clip, Tracker()
        if isinstance(result, FaceLLMError):
            reason = " ".join(str(result).split())
            made = [error_row(moment.label, reason, moment.frame, moment.time)]
        else:
            if moment.clip is not None and moment.time is not None:
                tracker, result = tracker.follow(result, moment.time)
            made = rows_of(result, moment.label, moment.frame, moment.time)
        _count(counts, made)
        rows += made
    return State(place=group[-1].after, clip=clip, tracker=tracker, counts=Counts(**counts))


def _count(counts: dict[str, int], made: list[Row]) -> None:
    failed = made[0]["error"] is not None
    faces = sum(row["face"] is not None for row in made)
    counts["frames"] += not failed
    counts["errors"] += failed
    counts["no_face"] += not failed and not faces
    counts["faces"] += faces
    counts["rows"] += len(made)
    counts["warnings"] += sum(row["warning"] is not None for row in made)


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
