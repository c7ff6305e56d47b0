"""Shards on a cluster, by Ray: a pool of actors that all see the run's folder.

Only numbers of shards travel; items are read from and written to the shared file system. `ray.init`
finds a running cluster through `RAY_ADDRESS`, else it starts one on this machine. Ray's core is
enough for that: Ray Data would plan with all shards at hand and brings four more processes, which
on one machine cost a quarter of the work.
"""

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from data_engine.shards import Done
from data_engine.work import Job, Work, attempt
from facellm.core.cluster import connected
from facellm.core.errors import FaceLLMError

_AHEAD = 1
"""Shards an actor is given besides those it works on, so that it never waits for the next."""
_RETRIES = 3
"""Times that an actor which died is started anew, and a shard of its is tried again."""


def run_shards(job: Job, shards: Iterable[int], workers: int) -> Iterator[Done]:
    """Do a job's shards on Ray; yields their markers as they are finished, in any order.

    Args:
        job: what to do.
        shards: numbers, taken only as actors come free.
        workers: actors, one CPU each.

    Raises:
        FaceLLMError: what stopped a shard, or Ray is not installed; finished shards stay.
    """
    stream = iter(shards)
    first = next(stream, None)
    if first is None:
        return  # a run of which everything is finished needs no Ray
    ray = connected(workers)
    from ray.util import ActorPool

    lanes = Work(job).lanes
    kind = ray.remote(
        num_cpus=1, max_concurrency=lanes, max_restarts=_RETRIES, max_task_retries=_RETRIES
    )(_Actor)
    actors = [kind.remote(job, sys.path) for _ in range(workers)]
    pool = ActorPool(actors * (lanes + _AHEAD))  # each stands there once for every shard it holds
    try:
        for shard in chain([first], stream):
            while not pool.has_free():
                yield _done(pool.get_next_unordered())
            pool.submit(_given, shard)
        while pool.has_next():
            yield _done(pool.get_next_unordered())
    except ray.exceptions.RayError as error:
        raise FaceLLMError(
            f"Ray gave up: {str(error).splitlines()[0]}; finished shards are kept: "
            "run the same command again"
        ) from error
    finally:
        for actor in actors:
            ray.kill(actor)


def _given(actor: Any, shard: int) -> Any:
    return actor.work.remote(shard)


def _done(result: Done | Exception) -> Done:
    if isinstance(result, Exception):
        raise result
    return result


class _Actor:
    """What runs on a node: ready for a job once, then given shards."""

    def __init__(self, job: Job, path: list[str]) -> None:
        # Steps named module:Class must be found wherever the recipe was started from.
        sys.path.extend(place for place in path if place not in sys.path)
        self._work = Work(job)

    def work(self, shard: int) -> Done | Exception:
        return attempt(self._work, shard)
