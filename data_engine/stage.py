"""Running steps: over one shard of a stage, or over a stream that is cut into shards.

A stage is either a stream (a source, or a step that must see everything) in the main process, or
a chain of steps over single shards, which any worker can do (`data_engine.work`).
"""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_engine.row import Row
from data_engine.shards import Done, Shards, ShardWriter, StepCount
from data_engine.step import Item, Reject, Step
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, Sample

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DETAIL = 300


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
                if not isinstance(output, (Row, Sample, Clip, Reject)):
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

    Pictures that follow each other as one `pair` are not parted, so that writers can compare them:
    their shard takes a few more.

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
    number, stream = 0, _Stream(outputs)
    with room_on_disk(shards.folder):
        while stream.peek() is not None:
            yield _write_next(stream, shards, number, size, tally)
            number += 1
        shards.complete(number)


class _Stream:
    """Outputs, of which the next one can be seen before it is taken."""

    def __init__(self, outputs: Iterable[Item | Reject]) -> None:
        self._outputs = iter(outputs)
        self._next: Item | Reject | None = None

    def peek(self) -> Item | Reject | None:
        """The next one; None after the last."""
        if self._next is None:
            self._next = next(self._outputs, None)
        return self._next

    def __iter__(self) -> Iterator[Item | Reject]:
        while (output := self.peek()) is not None:
            self._next = None
            yield output


def _write_next(stream: _Stream, shards: Shards, number: int, size: int, tally: Tally) -> Done:
    writer = ShardWriter(shards, number)
    try:
        items, pair = 0, None
        for output in stream:
            writer.add(output)
            if not isinstance(output, Reject):
                items += 1
                pair = getattr(output, "pair", None)
            if items >= size and (pair is None or not _continues(pair, stream.peek())):
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


def _continues(pair: str, output: Item | Reject | None) -> bool:
    return isinstance(output, Reject) or getattr(output, "pair", None) == pair


def finished(shards: Shards, number: int) -> Done:
    """The marker of a shard that must be there."""
    done = shards.done(number)
    if done is None:
        raise FaceLLMError(
            f"{shards.marker(number)} is missing though its stage is complete; "
            f"delete {shards.folder} to compute it again"
        )
    return done
