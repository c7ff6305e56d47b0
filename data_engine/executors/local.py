"""Shards in this process, or in processes of this machine.

Each worker has a pipe of its own and no lock in common with another: a worker that is killed (by
the system, out of memory) is noticed at once and harms nobody. When the main process dies, the
pipe closes and the worker ends itself, so that no orphan goes on paying for answers.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for_any
from threading import Lock

from data_engine.shards import Done
from data_engine.work import Job, Work, attempt
from facellm.core.errors import FaceLLMError

_AHEAD = 1
"""Shards a worker is given besides those it works on, so that it never waits for the next."""


def run_shards(job: Job, shards: Iterable[int], workers: int) -> Iterator[Done]:
    """Do a job's shards; yields their markers as they are finished, in any order.

    Args:
        job: what to do.
        shards: numbers, taken only as workers come free.
        workers: processes; 1 works in this one.

    Raises:
        FaceLLMError: what stopped a shard; the finished ones stay.
    """
    work = Work(job)
    return (
        in_lanes(work, shards) if workers == 1 else _in_processes(job, work.lanes, shards, workers)
    )


def in_lanes(work: Work, shards: Iterable[int]) -> Iterator[Done]:
    """Do shards in this process, as many at a time as the job has lanes."""
    if work.lanes == 1:
        yield from map(work, shards)
        return
    pending: set[Future[Done]] = set()
    with ThreadPoolExecutor(work.lanes) as threads:
        try:
            for shard in shards:
                pending.add(threads.submit(work, shard))
                if len(pending) == work.lanes:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BaseException:
            work.stopping.set()
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _in_processes(job: Job, lanes: int, shards: Iterable[int], workers: int) -> Iterator[Done]:
    team = _Team(job, workers)
    try:
        for shard in shards:
            while (free := team.free(lanes + _AHEAD)) is None:
                yield from team.results()
            free.send(shard)
            team.load[free] += 1
        while any(team.load.values()):
            yield from team.results()
    finally:
        team.dismiss()


class _Team:
    """The worker processes and how many shards each has."""

    def __init__(self, job: Job, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.load: dict[Connection, int] = {}
        self._processes = []
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, job), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self.load[ours] = 0

    def free(self, most: int) -> Connection | None:
        """The least busy worker, unless even that one has `most` shards."""
        worker = min(self.load, key=lambda worker: self.load[worker])
        return worker if self.load[worker] < most else None

    def results(self) -> Iterator[Done]:
        """Wait until something is finished."""
        for worker in wait_for_any(list(self.load)):
            assert isinstance(worker, Connection)
            try:
                answer = worker.recv()
            except (EOFError, ConnectionResetError):
                raise FaceLLMError(
                    "a worker process died, perhaps out of memory; finished shards are kept: "
                    "run the same command again, with fewer workers or smaller shards"
                ) from None
            self.load[worker] -= 1
            if isinstance(answer, BaseException):
                raise answer
            yield answer

    def dismiss(self) -> None:
        """End the workers, whatever they are doing."""
        for worker in self.load:
            worker.close()
        for process in self._processes:
            process.terminate()
            process.join()


def _serve(orders: Connection, job: Job) -> None:
    """What a worker does: shards as they are ordered, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl-C means
    sending = Lock()
    work = Work(job)

    def answer(shard: int) -> None:
        result = attempt(work, shard)
        with sending:
            orders.send(result)

    with ThreadPoolExecutor(work.lanes) as threads:
        while True:
            try:
                shard = orders.recv()
            except (EOFError, ConnectionResetError):
                os._exit(0)  # at once: answers that are under way have nobody to go to
            threads.submit(answer, shard)
