"""Sources and steps for the tests of the pipeline: small, and named `pipeline_parts:Class`."""

import os
import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from data_engine.row import Making, Message, Part, Row
from data_engine.sources.base import Source
from data_engine.step import Item, Reject, Step
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face, FaceLabels, Provenance, Sample


def sample(n: int, pair: str | None = None) -> Sample:
    labels = FaceLabels(
        emotion="happiness", action_units={12: n % 5}, weak=frozenset({"emotion", "action_units"})
    )
    return Sample(
        id=f"s{n}",
        image=f"images/{n}.jpg",
        faces=[Face(box=(0, 0, 10, 10), labels=labels)],
        provenance=Provenance(source="numbers", licence="none", subject_id=f"p{n}"),
        pair=pair,
    )


class Numbers(Source):
    """`count` samples that are computed as they are asked for."""

    name: ClassVar[str] = "numbers"
    licence: ClassVar[str] = "none"

    path: Path = Path(".")
    count: int = 20
    """How many."""
    first: int = 0
    """The number of the first."""
    broken: int | None = None
    """Give a reject in place of this one."""
    fails_at: int | None = None
    """Raise before this one."""
    together: int = 0
    """So many that follow each other are one pair."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        for n in range(self.first, self.first + self.count):
            if n == self.fails_at:
                raise KeyError(f"no {n}")
            if n == self.broken:
                yield self.reject(Path(f"{n}.jpg"), "damaged")
            else:
                yield sample(n, str(n // self.together) if self.together else None)


class Talk(Step):
    """`rows` rows a sample."""

    name: ClassVar[str] = "talk"

    rows: int = 2
    """Rows a sample."""
    seed: int = 0
    """Said in each row."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        for item in items:
            for n in range(self.rows):
                text = f'row {n} of {item.id}, seed {self.seed}, "weak":["b","a"] é'
                yield Row(
                    id=f"{item.id}-{n}",
                    sample_ids=[item.id],
                    messages=[Message(role="assistant", content=[Part(type="text", text=text)])],
                    task="talk",
                    facts=[item.faces[0].labels],
                    provenance=item.provenance,
                    making=Making(writer="talk"),
                )


class Author(Talk):
    """Talk that says of itself that it makes rows."""

    name: ClassVar[str] = "author"
    makes_rows: ClassVar[bool] = True


class Sieve(Step):
    """Reject every item whose number is divisible by `by`; fail on others as told."""

    name: ClassVar[str] = "sieve"

    by: int | None = None
    """Reject multiples."""
    reason: str = "multiple"
    """Why; any other word than this one is followed by the item's id."""
    fails_on: int | None = None
    """Raise a KeyError on multiples."""
    stops_on: str | None = None
    """Raise a FaceLLMError on this id."""
    full_on: str | None = None
    """Find the disk full on this id."""
    dies_on: str | None = None
    """End the process on this id."""
    mark: str | None = None
    """End it once only: this file is made, and where it is there is no end."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        for item in items:
            number = int(item.id.strip("s").split("-")[0])
            if item.id == self.stops_on:
                raise FaceLLMError("the teacher has gone")
            if item.id == self.full_on:
                raise OSError(28, "No space left on device")
            if item.id == self.dies_on and not (self.mark and Path(self.mark).exists()):
                if self.mark:
                    Path(self.mark).touch()
                os._exit(9)
            if self.fails_on and number % self.fails_on == 0:
                raise KeyError("a\nbad item")
            if self.by and number % self.by == 0:
                reason = self.reason + (f":{item.id}" if self.reason != "multiple" else "")
                yield Reject(item_id=item.id, step=self.name, reason=reason)
            else:
                yield item


class Hoard(Step):
    """Hold `size` items before giving any; fail on one."""

    name: ClassVar[str] = "hoard"

    size: int = 4
    """Items held."""
    fails_on: str | None = None
    """Raise on this id."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        held: list[Item] = []
        for item in items:
            held.append(item)
            if len(held) == self.size:
                yield from self._give(held)
                held = []
        yield from self._give(held)

    def _give(self, held: list[Item]) -> Iterator[Item]:
        for item in held:
            if item.id == self.fails_on:
                raise KeyError("one of several")
            yield item


class Backwards(Step):
    """All items in reverse: needs to see everything."""

    name: ClassVar[str] = "backwards"
    whole: ClassVar[bool] = True

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        count = sum(1 for _ in items)
        kept = list(items)  # a second pass over the same
        assert count == len(kept)
        yield from reversed(kept)


class Slow(Step):
    """Waits for each item."""

    name: ClassVar[str] = "slow"

    seconds: float = 0.1
    """Of waiting."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        for item in items:
            time.sleep(self.seconds)
            yield item


class Nonsense(Step):
    """Gives what is no item."""

    name: ClassVar[str] = "nonsense"

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        for item in items:
            yield item.id  # type: ignore[misc]


class Waiter(Step):
    """Asks for up to `window` items at a time, each in a thread that waits; keeps their order."""

    name: ClassVar[str] = "waiter"
    waits: ClassVar[bool] = True

    window: int = 8
    """Calls in flight."""
    seconds: float = 0.01
    """A call takes."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        with ThreadPoolExecutor(self.window) as threads:
            calls: deque[Future[Item]] = deque()
            for item in items:
                calls.append(threads.submit(self._call, item))
                if len(calls) == self.window:
                    yield calls.popleft().result()
            while calls:
                yield calls.popleft().result()

    def _call(self, item: Item) -> Item:
        time.sleep(self.seconds)
        return item


class Fragile(Step):
    """Gives up on the eleventh item until a file is there; writes down what it did."""

    name: ClassVar[str] = "fragile"

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        for item in items:
            ready = Path(os.environ.get("FRAGILE_UNTIL", "/")).exists()
            if item.id == "s10" and not ready:
                raise FaceLLMError("not ready")
            if log := os.environ.get("FRAGILE_LOG"):
                with Path(log).open("a") as file:
                    file.write(item.id + "\n")
            yield item


class Shifting(Numbers):
    """Numbers that begin elsewhere on another day."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        by = int(os.environ["SHIFTING_BY"])
        for item in super().read(out):
            yield item.model_copy(update={"id": f"s{by + int(item.id[1:])}"})


def calls_of(folder: Path) -> sqlite3.Connection:
    """What a slow teacher was paid for."""
    calls = sqlite3.connect(folder / "calls.sqlite", timeout=60)
    calls.execute("PRAGMA synchronous=OFF")  # processes are killed here, not machines
    calls.execute("CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY)")
    return calls


class SlowTeacher(Waiter):
    """A teacher that takes its time; remembers what it was paid for and logs what it is asked."""

    name: ClassVar[str] = "slow_teacher"

    folder: Path
    """Where `calls.sqlite` and `asked.log` are."""

    def _call(self, item: Item) -> Item:
        with closing(calls_of(self.folder)) as calls:
            if calls.execute("SELECT 1 FROM calls WHERE key = ?", (item.id,)).fetchone():
                return item
            with (self.folder / "asked.log").open("a") as log:
                log.write(item.id + "\n")
            time.sleep(self.seconds)
            with calls:
                calls.execute("INSERT OR IGNORE INTO calls VALUES (?)", (item.id,))
        return item
