"""Runs many coroutines at once over a lazy stream and gives their results in order.

    items ─▶ (this thread pulls) ─▶ window of `hold` ─▶ event loop in its own thread ─▶ in order

Items are pulled only as results leave, so memory does not grow with the stream. The window is
larger than the number of calls in flight: an item that needs a repair stands at the head for two
calls, and the others must not run dry meanwhile.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Loop:
    """An event loop in a thread of its own; a context manager that ends both."""

    def __init__(self) -> None:
        """Make the loop; `with` starts it."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Loop":
        """Start the thread."""
        self._thread.start()
        return self

    def submit(self, awaitable: Awaitable[R]) -> "Future[R]":
        """Start a coroutine; its future can be waited for from any other thread."""
        return asyncio.run_coroutine_threadsafe(_coroutine(awaitable), self._loop)

    def cancel(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()

    def __exit__(self, *_: object) -> None:
        """Cancel what still runs, then end the loop and the thread."""
        self.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _coroutine(awaitable: Awaitable[R]) -> R:
    return await awaitable


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def in_order(
    loop: Loop, items: Iterable[T], work: Callable[[T], Awaitable[R]], hold: int
) -> Iterator[R]:
    """Yield `await work(item)` for every item in order, with up to `hold` under way.

    An exception of the work is raised when its turn comes: results before it are not lost.
    """
    window: deque[Future[R]] = deque()
    try:
        for item in items:
            window.append(loop.submit(work(item)))
            if len(window) >= hold:
                yield window.popleft().result()
        while window:
            yield window.popleft().result()
    finally:
        for future in window:  # the reader has gone: others may go on in the same loop
            future.cancel()
