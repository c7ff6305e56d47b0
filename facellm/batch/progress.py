"""What a job tells while it works: a bar with rate and time left, or a line now and then."""

import sys
import time
from typing import Any

from facellm.batch.parts import Counts

LINE_EVERY = 15.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """Frames and faces so far, how fast, and how long it will take."""

    def __init__(self, items: int, done: float, counts: Counts) -> None:
        """Begin.

        Args:
            items: of the whole job.
            done: items that were done before, with the share of the one under way.
            counts: of what was done before.
        """
        if counts.rows:
            print(f"going on after {counts.rows} rows", file=sys.stderr, flush=True)
        self._items, self._first, self._before = items, done, counts
        self._started = self._said = time.monotonic()
        self._bar = self._make_bar() if sys.stderr.isatty() else None

    def show(self, done: float, counts: Counts) -> None:
        """Tell how far the job is."""
        now = time.monotonic()
        words = self._words(counts, now)
        if self._bar is not None:
            self._bar.set_postfix_str(words, refresh=False)
            self._bar.update(round(done, 3) - self._bar.n)
        elif now - self._said >= LINE_EVERY:
            self._said = now
            left = self.left(done, now)
            share = f"{done / self._items:4.0%}"
            print(f"{share}  {words}, {_clock(left)} left", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def rate(self, counts: Counts, now: float) -> float:
        """Frames a second since this run began."""
        return (counts.frames - self._before.frames) / max(now - self._started, 1e-9)

    def left(self, done: float, now: float) -> float | None:
        """Seconds until the end if inputs go on as they did in this run."""
        fresh = done - self._first
        return (self._items - done) * (now - self._started) / fresh if fresh > 0 else None

    def _words(self, counts: Counts, now: float) -> str:
        errors = f", {counts.errors} errors" if counts.errors else ""
        rate = self.rate(counts, now)
        return f"{counts.frames} frames, {counts.faces} faces{errors}, {rate:.1f} frames/s"

    def _make_bar(self) -> Any:
        from tqdm import tqdm

        shape = "{percentage:3.0f}%|{bar}| {postfix}, {remaining} left"
        return tqdm(total=self._items, initial=self._first, bar_format=shape, smoothing=0.05)


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "? s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
