"""Have teachers word the answers: drafts from the writers, texts from a server, verified.

items ─▶ drafts ─▶ up to `concurrency` calls at once ─▶ rows and rejects, in order
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from pydantic import Field, PrivateAttr

from data_engine.row import Making, Row
from data_engine.step import Item, Reject, Step
from data_engine.steps.write import Writing, drafts_over, no_labels
from data_engine.teachers.endpoint import Endpoint
from data_engine.teachers.lesson import Lessons, Pupil
from data_engine.teachers.options import INDIFFERENT, TeacherOptions, default_cache
from data_engine.teachers.stream import Loop, in_order
from data_engine.verify.claims import Policy
from data_engine.writers.base import Draft

log = logging.getLogger(__name__)


class Teach(Step, Writing):
    """Turn labelled items into rows worded by one or several teachers; rows pass as they are.

    Rejects: `no_labels_for_any_writer`, `teacher:timeout` and the other reasons of
    `data_engine.teachers.base`, `judge:rejected`, `no_consensus`, and every kind of problem that
    `data_engine.verify` names. A server that fails many calls in a row stops the run; calls it
    completed are kept and not paid for again.
    """

    name: ClassVar[str] = "teach"
    makes_rows: ClassVar[bool] = True
    waits: ClassVar[bool] = True
    indifferent: ClassVar[tuple[str, ...]] = (
        "concurrency", "ahead", "cache",
        *(f"{who}.{option}" for who in ("teacher", "judge") for option in INDIFFERENT),
    )  # fmt: skip

    teacher: TeacherOptions | list[TeacherOptions] = TeacherOptions(kind="templates")
    """One teacher, or several that are all asked the same."""
    concurrency: int = Field(default=64, ge=1)
    """Calls in flight at once, in each worker process. A server that queues is kept busier by a few
    more than it works on at once."""
    ahead: int = Field(default=4, ge=1)
    """Drafts held for each call in flight: while one waits for repairs the others go on."""
    repairs: int = Field(default=2, ge=0)
    """Further attempts that show the teacher its errors."""
    samples: int = Field(default=1, ge=1)
    """Texts asked of each teacher; the one that agrees most with all others is kept."""
    min_agreement: float = Field(default=0.5, ge=0, le=1)
    """Mean F1 of the statements of several texts under which none is kept."""
    verification: Policy = Policy()
    judge: TeacherOptions | None = None
    """A model that has the last word on each text, bound to a schema."""
    cache: Path | None = None
    """SQLite file of completed calls, on a local disk; None keeps it with the corpus."""

    _desk: "_Desk" = PrivateAttr(default_factory=lambda: _Desk())

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        """Yield rows and rejects in the order of the items, whatever call returns first."""
        teachers = self.teacher if isinstance(self.teacher, list) else [self.teacher]
        asked = [options for options in teachers if options.kind != "templates"]
        if not asked:
            yield from map(_as_template, self._drafts(items))
            return
        with self._desk.open(lambda: self._open(asked, folder)) as (loop, lessons):

            async def work(one: Draft | Row | Reject) -> Row | Reject:
                return await lessons.teach(one) if isinstance(one, Draft) else one

            yield from in_order(loop, self._drafts(items), work, self.concurrency * self.ahead)

    def _drafts(self, items: Iterable[Item]) -> Iterator[Draft | Row | Reject]:
        for written in drafts_over(items, self):
            if isinstance(written, Row):
                yield written
            elif not written.drafts:
                yield no_labels(written.item, self.name)
            else:
                yield from written.drafts

    async def _open(
        self, asked: list[TeacherOptions], folder: Path
    ) -> tuple[Lessons, list[Endpoint]]:
        """Made inside the loop, to which connections belong."""
        cache = self.cache or default_cache(folder)
        endpoints = [Endpoint(options, cache) for options in asked]
        judge = Endpoint(self.judge, cache) if self.judge is not None else None
        pupils = [
            Pupil(endpoint, options.kind == "own", options.send_images or options.kind == "own")
            for endpoint, options in zip(endpoints, asked, strict=True)
        ]
        lessons = Lessons(
            pupils=pupils,
            gate=asyncio.Semaphore(self.concurrency),
            folder=folder,
            policy=self.verification,
            repairs=self.repairs,
            samples=self.samples,
            min_agreement=self.min_agreement,
            judge=judge,
        )
        return lessons, [*endpoints, *([judge] if judge else [])]


def _as_template(one: Draft | Row | Reject) -> Row | Reject:
    return one.row(Making(writer=one.writer)) if isinstance(one, Draft) else one


class _Desk:
    """The connections of one step, shared by the shards under way at once: one limit for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._loop: Loop | None = None
        self._lessons: Lessons | None = None
        self._endpoints: list[Endpoint] = []

    @contextmanager
    def open(
        self, make: Callable[[], Awaitable[tuple[Lessons, list[Endpoint]]]]
    ) -> Iterator[tuple[Loop, Lessons]]:
        """The loop and the lessons, made for the first user and closed by the last."""
        with self._lock:
            if self._users == 0:
                loop = Loop().__enter__()
                try:
                    self._lessons, self._endpoints = loop.submit(make()).result()
                except BaseException:
                    loop.__exit__()
                    raise
                self._loop = loop
            self._users += 1
        assert self._loop is not None and self._lessons is not None
        try:
            yield self._loop, self._lessons
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._loop.cancel()
                    self._loop.submit(_close(self._endpoints)).result()
                    self._loop.__exit__()


async def _close(endpoints: list[Endpoint]) -> None:
    for endpoint in endpoints:
        log.info("teacher %s: %s", endpoint.name, endpoint.tally.summary())
        await endpoint.close()
