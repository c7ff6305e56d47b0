"""Run small networks on threads of their own that do not split the work further.

The finder's networks are so small that the threads of a parallel loop mostly wait for each other,
and where other work fills the processor, as beside a serving engine, that waiting made a picture
take ten times as long. The number of threads belongs to each thread that calls torch: the workers
here have one each, and whoever calls keeps its own setting.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import torch

WORKERS = min(4, os.cpu_count() or 1)
"""Calls that run side by side; more wait."""

Given = ParamSpec("Given")
Result = TypeVar("Result")

_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}
"""Process id → its pool: a fork inherits the object, not the threads."""


def on_one_thread(
    work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
) -> Result:
    """Call `work` on a single-threaded worker and wait; it must not call this function again."""
    pool = _pools.get(os.getpid())
    if pool is None:
        with _lock:
            pool = _pools.get(os.getpid()) or _start()
            _pools[os.getpid()] = pool
    return pool.submit(work, *args, **kwargs).result()


def _start() -> ThreadPoolExecutor:
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(WORKERS, "finder", _limit)
    together = threading.Barrier(WORKERS)  # each waits for the rest, so that all of them exist
    for waiting in [pool.submit(together.wait) for _ in range(WORKERS)]:
        waiting.result()
    # Setting a thread's number also sets the default of threads to come: put that back.
    torch.set_num_threads(before)
    return pool


def _limit() -> None:
    torch.get_num_threads()  # a thread's first call adopts the default, so that must be over
    torch.set_num_threads(1)
