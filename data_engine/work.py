"""What a worker does: a chain of steps over one shard, from file to file.

shard k ── step ── step ── step ──▶ shard k of the next stage
             └──────┴───────┴─────▶ its rejects
"""

import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_engine.recipe import make_step
from data_engine.shards import Done, Shards, ShardWriter, read_items
from data_engine.stage import Tally, apply, room_on_disk
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError

LANES = 3
"""Shards that a worker has begun at the same time where a step waits for answers."""


class Stopped(FaceLLMError):
    """The run ends; work that is under way may end too."""


@dataclass(frozen=True)
class Job:
    """A stage of steps over single shards: all that a worker must be told."""

    source: Path
    """Folder of the shards to read."""
    target: Path
    """Folder of the shards to write."""
    folder: Path
    """The run's folder, which items' paths are relative to."""
    steps: tuple[dict[str, Any], ...]
    """As in the recipe: `use` and options."""
    seed: int


class Work:
    """A job made ready in one process; call it with the number of a shard.

    Where a step waits for answers (`waits = True` in its class), several shards are under
    way at once, so that the last answers of one do not leave the teacher idle. Their feeding is
    strictly one after the other: the next shard is begun when the first waiting step has taken the
    last item of the one before. No step before that one ever runs twice at the same time; that one
    and those after it may.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._steps = [make_step(part, job.seed) for part in job.steps]
        waits = [n for n, step in enumerate(self._steps) if step.waits]
        self._waiting = waits[0] if waits else None
        self.lanes = LANES if waits else 1
        self.stopping = threading.Event()
        self._feeding = threading.Lock()

    def __call__(self, shard: int) -> Done:
        """Do one shard.

        Raises:
            FaceLLMError: what stops the run: a step's own complaint, a full disk.
        """
        tallies = [Tally(step.name) for step in self._steps]
        turn = _Turn(self._feeding)
        try:
            with room_on_disk(self._job.folder):
                return self._write(shard, tallies, turn.end)
        finally:
            turn.end()

    def _write(self, shard: int, tallies: list[Tally], fed: Callable[[], None]) -> Done:
        writer = ShardWriter(Shards(self._job.target), shard)
        try:
            items: Iterable[Item] = self._feed(shard)
            for n, (step, tally) in enumerate(zip(self._steps, tallies, strict=True)):
                if n == self._waiting:
                    items = _then(items, fed)
                items = _kept(apply(step, items, self._job.folder, tally), writer)
            for item in items:
                writer.add(item)
            return writer.commit(writer.done([tally.take() for tally in tallies]))
        except BaseException:
            writer.discard()
            raise

    def _feed(self, shard: int) -> Iterator[Item]:
        for item in read_items(Shards(self._job.source).items(shard)):
            if self.stopping.is_set():
                raise Stopped("the run was stopped")
            yield item


def attempt(work: Work, shard: int) -> Done | Exception:
    """The marker of a shard, or what stopped it, as it can travel between processes."""
    try:
        return work(shard)
    except FaceLLMError as error:
        return FaceLLMError(str(error))
    except Exception:
        return RuntimeError(f"shard {shard} failed in a worker:\n{traceback.format_exc()}")


class _Turn:
    """A lock that is held from now on and given back once, by whoever comes first."""

    def __init__(self, lock: threading.Lock) -> None:
        lock.acquire()
        self._lock, self._held = lock, True

    def end(self) -> None:
        if self._held:
            self._held = False
            self._lock.release()


def _kept(outputs: Iterable[Item | Reject], writer: ShardWriter) -> Iterator[Item]:
    for output in outputs:
        if isinstance(output, Reject):
            writer.add(output)
        else:
            yield output


def _then(items: Iterable[Item], act: Callable[[], None]) -> Iterator[Item]:
    yield from items
    act()
