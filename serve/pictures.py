"""Decoding strangers' pictures: in processes of their own, and only so many pixels at a time.

A decoder is C code that reads what anybody may send. One that breaks down takes a small process
with it, the request gets an error, and everybody else's pictures are read again. Pictures count
from when they are decoded until nothing holds them any more.
"""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from http import HTTPStatus
from multiprocessing import get_context
from typing import TypeVar

from PIL import Image
from vllm.exceptions import GracefulHTTPError

from facellm.core.errors import FaceLLMError
from facellm.faces.image import MAX_PIXELS
from serve import metrics
from serve.decoder import Pixels, decode, decode_clip, stay_with_parent

PROCESSES = 2
AT_ONCE = 2 * MAX_PIXELS
"""Pixels of all pictures in memory, three bytes each."""
PATIENCE = 60.0
"""Seconds a picture waits for room."""
T = TypeVar("T")


class Pictures:
    """Decodes for the threads of a server."""

    def __init__(self, processes: int = PROCESSES, at_once: int = AT_ONCE) -> None:
        self._processes = processes
        self._decoding = threading.Semaphore(processes)
        self._free = at_once
        self._room = threading.Condition()
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def start(self) -> None:
        """Start the decoders; left out, the first picture waits for it."""
        for idle in [self._running().submit(int) for _ in range(self._processes)]:
            idle.result()

    def read(self, data: bytes, patience: float = PATIENCE) -> Image.Image:
        """Decode a picture as `load_image` does.

        Raises:
            FaceLLMError: a picture that cannot be read, or that ends its decoder.
            GracefulHTTPError: 503, no room within `patience` seconds.
        """
        [(_, image)] = self._read(lambda: [(0.0, self._decoded(partial(decode, data)))], patience)
        return image

    def clip(
        self, data: bytes, count: int, patience: float = PATIENCE
    ) -> list[tuple[float, Image.Image]]:
        """Decode at most `count` frames of a clip, evenly spread, with their times in seconds.

        Raises:
            FaceLLMError: a clip that cannot be read, or not soon enough, or that ends its decoder.
            GracefulHTTPError: 503, no room within `patience` seconds.
        """
        return self._read(lambda: self._decoded(partial(decode_clip, data, count)), patience)

    def _read(
        self, decoding: Callable[[], list[tuple[float, Pixels]]], patience: float
    ) -> list[tuple[float, Image.Image]]:
        try:
            # Who waits for room holds decoded pictures: there are never more of them than that.
            with self._decoding:
                decoded = decoding()
                self._take(sum(width * height for _, ((width, height), _) in decoded), patience)
        except FaceLLMError:
            metrics.REFUSED.inc()
            raise
        shown = []
        for time, (size, content) in decoded:
            image = Image.frombytes("RGB", size, content)
            weakref.finalize(image, self._give, size[0] * size[1])
            shown.append((time, image))
        return shown

    def _decoded(self, work: Callable[[], T]) -> T:
        pool = self._running()
        try:
            return pool.submit(work).result()
        except BrokenProcessPool:
            self._drop(pool)
        # Somebody's picture ended a decoder, perhaps another one's: see alone whether it was this.
        with _pool(1) as alone:
            try:
                return alone.submit(work).result()
            except BrokenProcessPool:
                raise FaceLLMError("the picture ended its decoder; it is damaged") from None

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = _pool(self._processes)
            return self._pool

    def _drop(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None
                metrics.DECODERS_LOST.inc()
        pool.shutdown(wait=False)

    def _take(self, pixels: int, patience: float) -> None:
        with self._room:
            if not self._room.wait_for(lambda: self._free >= pixels, patience):
                raise GracefulHTTPError(
                    "too many pictures at the same time; try again later",
                    HTTPStatus.SERVICE_UNAVAILABLE,
                )
            self._free -= pixels

    def _give(self, pixels: int) -> None:
        with self._room:
            self._free += pixels
            self._room.notify_all()


def _pool(processes: int) -> ProcessPoolExecutor:
    # A copy of a process with threads may hold a lock that nobody opens: these start afresh.
    return ProcessPoolExecutor(processes, get_context("spawn"), stay_with_parent)


pictures = Pictures()
"""Those of this process."""
