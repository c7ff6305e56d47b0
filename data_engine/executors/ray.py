"""Shards on a cluster, by Ray Data: a pool of actors that all see the run's folder.

Only numbers of shards travel; items are read from and written to the shared file system. `ray.init`
finds a running cluster through `RAY_ADDRESS`, else it starts one on this machine.
"""

import sys
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import takewhile
from threading import Event
from typing import Any

from data_engine.shards import Done
from data_engine.work import Job, Work
from facellm.core.cluster import connected
from facellm.core.errors import FaceLLMError

_AHEAD = 1
"""Shards an actor is given besides those it works on, so that it never waits for the next."""


def run_shards(job: Job, shards: Iterable[int], workers: int) -> Iterator[Done]:
    """Do a job's shards on Ray; yields their markers as they are finished, in any order.

    Ray Data plans with all inputs at hand, so the stream before must be written to its end first:
    that is done in a thread, while Ray, which takes as long, starts in this one.

    Args:
        job: what to do.
        shards: numbers.
        workers: actors, one CPU each.

    Raises:
        FaceLLMError: what stopped a shard, or Ray is not installed; finished shards stay.
    """
    stream = iter(shards)
    first = next(stream, None)
    if first is None:
        return
    lanes = Work(job).lanes
    with _reading(stream) as rest:
        ray = connected(workers)  # not in the thread: Ray's processes die with the one they have
        numbers = [first, *rest.result()]
    pool = ray.data.ActorPoolStrategy(
        size=workers,
        max_tasks_in_flight_per_actor=lanes + _AHEAD,
        max_concurrent_calls_per_actor=lanes,
        enable_true_multi_threading=lanes > 1,
    )
    inputs = ray.data.from_items([{"shard": n} for n in numbers], override_num_blocks=len(numbers))
    results = inputs.map_batches(
        _Actor, batch_size=1, compute=pool, num_cpus=1, fn_constructor_args=(job, sys.path)
    )
    try:
        for row in results.iter_batches(batch_size=1, prefetch_batches=0):
            if row["error"][0]:
                kind = FaceLLMError if row["known"][0] else RuntimeError
                raise kind(str(row["error"][0]))
            yield Done.model_validate_json(str(row["done"][0]))
    except ray.exceptions.RayError as error:
        raise FaceLLMError(
            f"Ray gave up: {str(error).splitlines()[0]}; finished shards are kept: "
            "run the same command again"
        ) from error


@contextmanager
def _reading(stream: Iterator[int]) -> Iterator[Future[list[int]]]:
    """Take a stream to its end in a thread, which stops after one more where the block fails."""
    left = Event()

    with ThreadPoolExecutor(1) as thread:
        try:
            yield thread.submit(lambda: list(takewhile(lambda _: not left.is_set(), stream)))
        finally:
            left.set()


class _Actor:
    """What runs on a node: ready for a job once, then called with shards."""

    def __init__(self, job: Job, path: list[str]) -> None:
        # Steps named module:Class must be found wherever the recipe was started from.
        sys.path.extend(place for place in path if place not in sys.path)
        self._work = Work(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        shard = int(batch["shard"][0])
        done, error, known = "", "", True
        try:
            done = self._work(shard).model_dump_json()
        except FaceLLMError as problem:
            error = str(problem)
        except Exception:
            error, known = f"shard {shard} failed on Ray:\n{traceback.format_exc()}", False
        return {"done": [done], "error": [error], "known": [known]}
