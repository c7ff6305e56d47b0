"""Shards on disk: numbered jsonl files that appear whole, with a marker that is written last.

    000007.jsonl           items, one a line
    000007.rejects.jsonl   what was taken out, with reasons
    000007.done            counts and hash; without it the shard does not count
    all.done               how many shards the stage has; written when it is complete

Whatever kills the process leaves only `*.part` files behind, which the next run removes.
"""

import hashlib
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

from data_engine.row import Row
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, Record, Sample

Kind = Literal["samples", "clips", "rows"]
KINDS: tuple[Kind, ...] = ("samples", "clips", "rows")
SOURCE = "source"
"""Name in counts of the sources together, which give items and take none."""
MOST_SPECIFIC = 40
"""Reasons of one kind (`wrong_unit:AU12`) that reports tell apart."""
_CLASSES: dict[Kind, type[Item]] = {"samples": Sample, "clips": Clip, "rows": Row}
_BEGINNING = re.compile(r'\{"id":"(?:[^"\\]|\\.)*","(image|video|sample_ids)":')
_BY_SECOND_KEY: dict[str, Kind] = {"image": "samples", "video": "clips", "sample_ids": "rows"}
"""The engine writes the fields in the order of the records."""


class StepCount(Record):
    """What one step did with one shard."""

    step: str
    taken: int
    given: int
    rejects: dict[str, int]
    """Reason → items."""


class Done(Record):
    """The marker of a finished shard."""

    shard: int
    items: int
    sha256: str
    """Of the file of items."""
    steps: list[StepCount]


def lumped(rejects: Mapping[str, int]) -> dict[str, int]:
    """Counts by reason, with `near_duplicate:s17`, one for every id, added up as `near_duplicate`.

    A kind that has few different reasons keeps them apart, as `teacher:timeout` and
    `teacher:refusal`.
    """
    kinds = Counter(reason.partition(":")[0] for reason in rejects)
    counts: Counter[str] = Counter()
    for reason, number in rejects.items():
        kind = reason.partition(":")[0]
        counts[kind if kinds[kind] > MOST_SPECIFIC else reason] += number
    return dict(counts)


def to_line(record: Item | Reject) -> str:
    """One line of JSON, the same for equal records."""
    return record.model_dump_json(exclude_defaults=True) + "\n"


def kind_of(data: dict[str, object]) -> Kind:
    """What a line holds: a row has messages, a clip has a video, the rest are samples."""
    return "rows" if "messages" in data else "clips" if "video" in data else "samples"


def kind_of_line(line: str) -> Kind:
    """What a line holds, without reading all of it where its first keys tell.

    Raises:
        ValueError: a line that is no JSON.
    """
    match = _BEGINNING.match(line) if line.endswith("}\n") else None
    return _BY_SECOND_KEY[match[1]] if match else kind_of(json.loads(line))


def read_items(path: Path) -> Iterator[Item]:
    """Yield the items of one file in order.

    Raises:
        FaceLLMError: a file that cannot be read; a line that is no item, named by its number.
    """
    number = 0
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                number += 1
                yield _item(line)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise FaceLLMError(f"{path}:{number} is not an item: {reason}") from None


def _item(line: str) -> Item:
    kind = _CLASSES[kind_of_line(line)]
    try:
        return kind.model_validate_json(line)  # at once: half the time of JSON first, record then
    except ValueError:
        return kind.model_validate(json.loads(line))  # says of broken JSON where it breaks


class Shards:
    """The shards of one stage."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def items(self, shard: int) -> Path:
        """File with the shard's items."""
        return self.folder / f"{shard:06}.jsonl"

    def rejects(self, shard: int) -> Path:
        """File with the shard's rejects."""
        return self.folder / f"{shard:06}.rejects.jsonl"

    def marker(self, shard: int) -> Path:
        """File that says that the shard is finished."""
        return self.folder / f"{shard:06}.done"

    def done(self, shard: int) -> Done | None:
        """What the shard's marker says; None while it is unfinished."""
        if not self.marker(shard).is_file():
            return None
        return Done.model_validate_json(self.marker(shard).read_bytes())

    def count(self) -> int | None:
        """How many shards the complete stage has; None while it is incomplete."""
        marker = self.folder / "all.done"
        return int(marker.read_text()) if marker.is_file() else None

    def complete(self, count: int) -> None:
        """Mark the stage as complete."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / "all.done", str(count))

    def __iter__(self) -> Iterator[Item]:
        """All items of a complete stage in order, one file open at a time."""
        for shard in range(self.count() or 0):
            yield from read_items(self.items(shard))


class ShardWriter:
    """Writes one shard beside its place and moves it there when it is finished."""

    def __init__(self, shards: Shards, shard: int) -> None:
        shards.folder.mkdir(parents=True, exist_ok=True)
        self._shards, self._shard = shards, shard
        self._hash = hashlib.sha256()
        self._count = 0
        self._items = self._open(shards.items(shard))
        self._rejects = self._open(shards.rejects(shard))

    def add(self, output: Item | Reject) -> None:
        """Write an item or a reject."""
        line = to_line(output).encode()
        if isinstance(output, Reject):
            self._rejects.write(line)
            return
        self._hash.update(line)
        self._items.write(line)
        self._count += 1

    def done(self, steps: list[StepCount]) -> Done:
        """The marker that `commit` would write now."""
        return Done(
            shard=self._shard, items=self._count, sha256=self._hash.hexdigest(), steps=steps
        )

    def commit(self, done: Done) -> Done:
        """Put both files in their places, then the marker."""
        for file in (self._items, self._rejects):
            _to_disk(file)
            file.close()
        os.replace(self._items.name, self._shards.items(self._shard))
        os.replace(self._rejects.name, self._shards.rejects(self._shard))
        write_whole(self._shards.marker(self._shard), done.model_dump_json())
        return done

    def discard(self) -> None:
        """Throw away what was written."""
        for file in (self._items, self._rejects):
            with suppress(OSError):  # closing flushes, which a full disk refuses once more
                file.close()
            Path(file.name).unlink(missing_ok=True)

    def _open(self, target: Path) -> IO[bytes]:
        # A part belongs to one writer: two that write the same shard must not mix.
        own = f".{os.getpid()}-{threading.get_ident()}.part"
        return target.with_name(target.name + own).open("wb")


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that it is there completely or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        _to_disk(file)
    part.replace(path)


def _to_disk(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
