"""The same job on a cluster: blocks of items on Ray Data, a captioner in each worker.

A block is some consecutive items and a folder of parts of its own, so that blocks are resumed as
jobs are. Workers see the inputs and the folder of the output through the same paths as the machine
that starts the job: a shared file system.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from facellm.batch.inputs import Item
from facellm.batch.local import Captioner
from facellm.batch.parts import Counts, Parts
from facellm.batch.progress import Progress
from facellm.batch.reading import Sampled, read
from facellm.core.cluster import connected
from facellm.core.errors import FaceLLMError

ITEMS, BYTES = 256, 256 << 20
"""At most in a block, but for a single item that has more."""
FOLDER = "b{:06d}"


def blocks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items as blocks; the same items give the same blocks."""
    block: list[Item] = []
    size = 0
    for item in items:
        bytes_ = item.path.stat().st_size if item.path.is_file() else 0
        if block and (len(block) == ITEMS or size + bytes_ > BYTES):
            yield block
            block, size = [], 0
        block.append(item)
        size += bytes_
    if block:
        yield block


def read_on_ray(
    items: Iterable[Item],
    work: Path,
    make: Callable[[], Captioner],
    sampling: Sampled,
    keep_every: float,
    workers: int | None,
) -> tuple[list[Parts], float]:
    """Read what is left of a job; returns the parts of every block and the seconds it took.

    Args:
        items: all items of the job.
        work: folder of the job's parts.
        make: called in each worker for its captioner; it is sent there.
        sampling: of clips.
        keep_every: seconds of work between two parts of a block.
        workers: one GPU each where the cluster has GPUs, else one CPU; None is one for each GPU,
            or one.

    Raises:
        FaceLLMError: Ray is not installed or gives up, or what stopped a block; what is done stays.
    """
    cut = list(blocks(items))
    done = [Parts(work / FOLDER.format(number)) for number in range(len(cut))]
    for parts in done:
        parts.open()
    left = [number for number, parts in enumerate(done) if not parts.state.done]
    started = time.monotonic()
    if left:
        finished = sum(len(cut[n]) for n, parts in enumerate(done) if parts.state.done)
        progress = Progress(sum(map(len, cut)), finished, total(done))
        try:
            rows = [_row(number, cut[number]) for number in left]
            for number in _finished(rows, work, make, sampling, keep_every, workers):
                done[number].open()
                finished += len(cut[number])
                progress.show(finished, total(done))
        finally:
            progress.close()
    return done, time.monotonic() - started


def total(parts: Iterable[Parts]) -> Counts:
    """The counts of all blocks together."""
    counts = [one.state.counts.model_dump() for one in parts]
    return Counts(**{name: sum(one[name] for one in counts) for name in Counts.model_fields})


def _row(number: int, items: Sequence[Item]) -> dict[str, Any]:
    return {
        "block": number,
        "labels": [item.label for item in items],
        "paths": [str(item.path.absolute()) for item in items],
    }


def _finished(
    rows: list[dict[str, Any]],
    work: Path,
    make: Callable[[], Captioner],
    sampling: Sampled,
    keep_every: float,
    workers: int | None,
) -> Iterator[int]:
    """Numbers of blocks as they are finished, in any order."""
    ray = connected(workers or 1)
    import ray.data as data

    data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    gpus = int(ray.cluster_resources().get("GPU", 0))
    size = workers or max(1, gpus)
    inputs = data.from_items(rows, override_num_blocks=len(rows))
    results = inputs.map_batches(
        _Worker,
        batch_size=1,
        compute=data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=2),
        num_cpus=1,
        num_gpus=min(1, gpus),
        fn_constructor_args=(work.absolute(), make, sampling, keep_every),
    )
    try:
        for row in results.iter_batches(batch_size=1, prefetch_batches=0):
            if row["error"][0]:
                kind = FaceLLMError if row["known"][0] else RuntimeError
                raise kind(str(row["error"][0]))
            yield int(row["block"][0])
    except ray.exceptions.RayError as error:
        raise FaceLLMError(
            f"Ray gave up: {str(error).splitlines()[0]}; what is done is kept: "
            "run the same command again"
        ) from error


class _Worker:
    """What runs on a node: a captioner, made once, then called with blocks."""

    def __init__(
        self, work: Path, make: Callable[[], Captioner], sampling: Sampled, keep_every: float
    ) -> None:
        self._work, self._sampling, self._keep_every = work, sampling, keep_every
        self._captioner = make()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        number = int(batch["block"][0])
        pairs = zip(batch["labels"][0], batch["paths"][0], strict=True)
        items = [Item(str(label), Path(path)) for label, path in pairs]
        error, known = "", True
        try:
            parts = Parts(self._work / FOLDER.format(number))
            parts.open()
            if not parts.state.done:
                read(items, parts, self._captioner, self._sampling, self._keep_every, _nobody)
        except FaceLLMError as problem:
            error = str(problem)
        except Exception:
            error, known = f"block {number} failed on Ray:\n{traceback.format_exc()}", False
        return {"block": [number], "error": [error], "known": [known]}


def _nobody(_done: float, _counts: Counts) -> None:
    """The machine that started the job shows how far it is, block by block."""
