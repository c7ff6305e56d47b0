"""Write instruction rows from labelled items, worded by templates.

    sample or clip ── writers, seeded by the item's id ──▶ Drafts ──▶ Rows
                          └── no writer has labels ──▶ Reject

A teacher step takes the same drafts from `drafts_over` and rewords them.
"""

import random
import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import ClassVar, NamedTuple

from pydantic import Field, field_validator

from data_engine.row import Making, Row
from data_engine.step import Item, Reject, Step
from data_engine.writers import WRITERS, Writer
from data_engine.writers.base import Draft, Style
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, Record, Sample

NO_LABELS = "no_labels_for_any_writer"
DEFAULT: dict[str, float] = {
    "task_qa": 2, "exp_cot": 1, "caption": 1, "description": 0.5, "attribute_qa": 0.5,
    "multi_turn": 0.5, "comparison": 0.5, "counterfactual": 0.25, "refusal": 0.1, "dynamics": 2,
}  # fmt: skip


class Writing(Record):
    """Which drafts an item gets."""

    writers: dict[str, float] = Field(default=DEFAULT, min_length=1)
    """Writer → drafts an item, on average; 0.5 is one for every second item. A list of names asks
    for one of each."""
    seed: int = 0
    style: Style = Style()

    @cached_property
    def made(self) -> dict[str, Writer]:
        """The writers by their names."""
        return {name: WRITERS[name](self.style) for name in self.writers}

    @field_validator("writers", mode="before")
    @classmethod
    def _one_each(cls, value: object) -> object:
        return {str(name): 1.0 for name in value} if isinstance(value, list | tuple) else value

    @field_validator("writers")
    @classmethod
    def _known(cls, value: dict[str, float]) -> dict[str, float]:
        for name, count in value.items():
            if name not in WRITERS:
                raise FaceLLMError(f"{name!r} is no writer; expected some of {', '.join(WRITERS)}")
            if not 0 < count <= 100:
                raise FaceLLMError(
                    f"{count:g} drafts an item of writer {name!r} are asked for; expected more "
                    "than 0 and at most 100"
                )
        return value


class Written(NamedTuple):
    """What an item gets."""

    item: Sample | Clip
    drafts: list[Draft]
    """Empty where no writer has labels for it."""


def _count(mean: float, key: str) -> int:
    """A whole number that is `mean` on average over keys, without the cost of a generator."""
    least = int(mean)
    return least + (least != mean and zlib.crc32(key.encode()) < mean % 1 * 2**32)


def _take(writer: Writer, item: Sample | Clip, rng: random.Random, count: int) -> list[Draft]:
    """Up to `count` drafts; where one stream is too short, further ones with later variants."""
    taken: list[Draft] = []
    while len(taken) < count:
        stream = list(islice(writer.drafts(item, rng), count - len(taken)))
        if not stream:
            break
        if taken:
            start = taken[-1].variant + 1
            stream = [d.model_copy(update={"variant": start + d.variant}) for d in stream]
        taken += stream
    return taken


def drafts_of(item: Sample | Clip, options: Writing) -> list[Draft]:
    """The drafts about one item, the same wherever and whenever they are asked for.

    An item whose labels some writer could use gets at least one draft, even where chance gave
    none, so that a list is empty only for an item without labels.
    """
    drafts: list[Draft] = []
    # Seeded anew for each writer: that takes half the time of making a generator.
    rng = random.Random(0)
    for name, mean in options.writers.items():
        # One seed a writer: asking for one more kind of text leaves the others as they were.
        key = f"{options.seed}:{name}:{item.id}"
        count = _count(mean, key)
        writer = options.made[name]
        if count and writer.fits(item):
            rng.seed(key)
            drafts += _take(writer, item, rng, count)
    if not drafts:
        drafts = _at_least_one(item, options)
    return drafts


def _at_least_one(item: Sample | Clip, options: Writing) -> list[Draft]:
    rng = random.Random(f"{options.seed}:{item.id}")
    for name in rng.sample([*options.writers], len(options.writers)):
        if WRITERS[name].needs_labels:
            found = _take(options.made[name], item, rng, 1)
            if found:
                return found
    return []


def pair_drafts(first: Sample, second: Sample, options: Writing) -> list[Draft]:
    """The drafts about two pictures of one subject."""
    drafts: list[Draft] = []
    for name, mean in options.writers.items():
        if not WRITERS[name].pairs:
            continue
        key = f"{options.seed}:{name}:{first.id}:{second.id}"
        count = _count(mean, key)
        if count:
            writer = options.made[name]
            drafts += islice(writer.pair(first, second, random.Random(key)), count)
    return drafts


def drafts_over(items: Iterable[Item], options: Writing) -> Iterator[Written | Row]:
    """The drafts about each item; those about two pictures that follow each other belong to the
    second.

    Two pictures of one `pair` are compared, or two of one subject where neither is of a pair. Rows
    pass as they are.
    """
    before: Sample | None = None
    for item in items:
        if isinstance(item, Row):
            yield item
            continue
        drafts = drafts_of(item, options)
        if isinstance(item, Sample):
            if before is not None and _belong(before, item):
                drafts += pair_drafts(before, item, options)
            before = item
        yield Written(item, drafts)


def _belong(first: Sample, second: Sample) -> bool:
    if first.image == second.image:  # a copy that `balance` made
        return False
    if first.pair is not None or second.pair is not None:
        return first.pair == second.pair
    a, b = first.provenance, second.provenance
    return (a.source, a.subject_id) == (b.source, b.subject_id)


def no_labels(item: Sample | Clip, step: str) -> Reject:
    """The reject of an item that no writer has labels for."""
    return Reject(
        item_id=item.id,
        step=step,
        reason=NO_LABELS,
        detail=f"{item.provenance.source}: no label of this item is one that the writers use",
        item=item.model_dump(mode="json", exclude_defaults=True),
    )


class Write(Step, Writing):
    """Turn labelled items into rows worded by templates; rows pass as they are.

    Rejects: `no_labels_for_any_writer`.
    """

    name: ClassVar[str] = "write"
    makes_rows: ClassVar[bool] = True

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        """Yield the rows of every item in order; pairs come with their second picture."""
        makings = {name: Making(writer=name) for name in self.writers}
        for written in drafts_over(items, self):
            if isinstance(written, Row):
                yield written
            elif not written.drafts:
                yield no_labels(written.item, self.name)
            else:
                for draft in written.drafts:
                    yield draft.row(makings[draft.writer])
