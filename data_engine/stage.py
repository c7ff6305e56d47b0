"""Running steps: over one shard of a stage, or over a stream that is cut into shards.

A stage is either a stream (a source, or a step that must see everything) in the main process, or
a chain of steps over single shards, which any worker can do:

    shard k ── step ── step ── step ──▶ shard k of the next stage
                 └──────┴───────┴─────▶ its rejects
"""

import errno
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from data_engine.recipe import make_step
from data_engine.row import Row
from data_engine.shards import Done, Shards, ShardWriter, StepCount, read_items
from data_engine.step import Item, Reject, Step
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, Sample

LANES = 3
"""Shards that a worker has begun at the same time where a step waits for answers."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DETAIL = 300


class Stopped(FaceLLMError):
    """The run ends; work that is under way may end too."""


class Tally:
    """Counts what one step takes, gives and rejects."""

    def __init__(self, step: str) -> None:
        self.step = step
        self.taken = self.given = 0
        self.rejects: dict[str, int] = {}
        self.all_given = 0
        """Given since the beginning; the others are since the last `take`."""

    def count(self, output: Item | Reject) -> None:
        """Count one output."""
        if isinstance(output, Reject):
            self.rejects[output.reason] = self.rejects.get(output.reason, 0) + 1
        else:
            self.given += 1
            self.all_given += 1

    def take(self) -> StepCount:
        """The counts since the last call."""
        counts = StepCount(
            step=self.step,
            taken=self.taken,
            given=self.given,
            rejects=dict(sorted(self.rejects.items())),
        )
        self.taken = self.given = 0
        self.rejects = {}
        return counts


class _Taken:
    """The items as a step takes them: tells which one it had in hand when it failed."""

    def __init__(self, items: Iterable[Item], tally: Tally) -> None:
        self._items, self._tally = items, tally
        self.last: Item | None = None
        self.open = False
        """Whether an item was taken for which nothing has been given yet."""
        self.several = False
        """Whether the step ever held more than one item."""
        self._seen_all = False

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            self.several = self.several or self.open
            self.last, self.open = item, True
            self._tally.taken += not self._seen_all  # a second pass takes nothing new
            yield item
        self.last, self._seen_all = None, True


def apply(step: Step, items: Iterable[Item], folder: Path, tally: Tally) -> Iterator[Item | Reject]:
    """Run a step so that an item it fails on becomes a reject and the others go on.

    Which item that was can be told only of a step that takes one, gives what becomes of it, and
    then takes the next. A step that holds several must make rejects of failures itself; if it
    raises, the run stops, because guessing would lose items.

    Raises:
        FaceLLMError: raised by the step on purpose, or any failure that belongs to no one item.
    """
    taken = _Taken(items, tally)
    while True:
        try:
            for output in step.run(taken, folder):
                if not isinstance(output, (Sample, Clip, Row, Reject)):
                    raise FaceLLMError(
                        f"step {step.name} gave a {type(output).__name__}; "
                        "expected samples, clips, rows or rejects"
                    )
                taken.open = False
                tally.count(output)
                yield output
            return
        except (FaceLLMError, MemoryError):
            raise
        except Exception as error:
            culprit = taken.last
            if _no_room(error):
                raise
            if step.whole or taken.several or culprit is None:
                raise FaceLLMError(
                    f"step {step.name} failed, and not on a single item: {_said(error)}"
                ) from error
            reject = _failed(step, culprit, error)
            taken.last, taken.open = None, False
            tally.count(reject)
            yield reject


def _failed(step: Step, item: Item, error: Exception) -> Reject:
    return Reject(
        item_id=item.id,
        step=step.name,
        reason=f"error:{type(error).__name__}",
        detail=" ".join(str(error).split())[:_DETAIL],
        item=item.model_dump(mode="json", exclude_defaults=True),
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:_DETAIL]}"


def _no_room(error: Exception) -> bool:
    full = isinstance(error, OSError) and error.errno in _NO_ROOM
    return full or "database or disk is full" in str(error)


@contextmanager
def room_on_disk(folder: Path) -> Iterator[None]:
    """Turn a full disk into one clear error."""
    try:
        yield
    except Exception as error:
        if not _no_room(error):
            raise
        raise FaceLLMError(
            f"no space left on the disk of {folder}; finished shards are kept: "
            "free some space, then run the same command again"
        ) from error


def write_stream(
    outputs: Iterable[Item | Reject], shards: Shards, size: int, tally: Tally
) -> Iterator[Done]:
    """Cut a stream into shards of `size` items; yields each one's marker once it is written.

    A complete stage is not computed again. An interrupted one is computed from its start, because
    a stream cannot be entered in its middle; the shards that are there are only compared.

    Args:
        outputs: items and rejects; a reject lies in the shard it falls into and does not count.
        shards: where to.
        size: items a shard.
        tally: counts what `outputs` takes and gives.

    Raises:
        FaceLLMError: a full disk, or a stream that differs from what it gave before.
    """
    complete = shards.count()
    if complete is not None:
        for number in range(complete):
            yield finished(shards, number)
        return
    number, stream = 0, iter(outputs)
    with room_on_disk(shards.folder):
        while (first := next(stream, None)) is not None:
            yield _write_next(chain([first], stream), shards, number, size, tally)
            number += 1
        shards.complete(number)


def _write_next(
    stream: Iterator[Item | Reject], shards: Shards, number: int, size: int, tally: Tally
) -> Done:
    writer = ShardWriter(shards, number)
    try:
        items = 0
        for output in stream:
            writer.add(output)
            items += not isinstance(output, Reject)
            if items == size:
                break
        done = writer.done([tally.take()])
        before = shards.done(number)
        if before is None:
            return writer.commit(done)
        if before.sha256 != done.sha256:
            raise FaceLLMError(
                f"{tally.step} gives other items than before the run was interrupted (from item "
                f"{number * size + 1} on); choose another output_dir to start anew"
            )
    except BaseException:
        writer.discard()
        raise
    writer.discard()
    return done


def finished(shards: Shards, number: int) -> Done:
    """The marker of a shard that must be there."""
    done = shards.done(number)
    if done is None:
        raise FaceLLMError(
            f"{shards.marker(number)} is missing though its stage is complete; "
            f"delete {shards.folder} to compute it again"
        )
    return done


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

    Where a step waits for answers (`waits = True` in its class), several shards are under way at once, so that the last answers
    of one do not leave the teacher idle. Their feeding is strictly one after the other: the next
    shard is begun when the first waiting step has taken the last item of the one before. No step
    up to that one ever runs twice at the same time; the steps after it may.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._steps = [make_step(part, job.seed) for part in job.steps]
        waits = [n for n, step in enumerate(self._steps) if getattr(step, "waits", False)]
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
