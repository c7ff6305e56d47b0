"""Even out how often each label occurs: take out from the frequent, repeat the rare."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from data_engine.row import Row
from data_engine.step import Item, Reject, Step
from data_engine.steps.again import twice
from data_engine.steps.pictures import reject
from facellm.core.facs import PRESENT, unit_of
from facellm.core.sample import Clip, FaceLabels
from facellm.core.splits import Split

FIELDS = ("emotion", "expression", "manipulation")


class Balance(Step):
    """Cap and oversample by a label, in the named splits only: what is tested on stays as it is.

    The first face (or clip, or fact of a row) that has the label speaks for the item. Which items
    go is decided by the hash of seed and id, never by their order. A repeated item gets `.1`,
    `.2`, … after its id, so that writers word each copy anew. Passes over the items twice and holds
    a hash and a position an item. Rejects: `balanced_out`; with `unlabelled: reject`, `unlabelled`.
    """

    name: ClassVar[str] = "balance"
    whole: ClassVar[bool] = True

    by: str = "emotion"
    """`emotion`, `expression`, `manipulation`, or a unit such as `AU12`: present or absent."""
    most: int | Literal["smallest"] | None = None
    """At most this many items of each label; `smallest`: as many as the rarest label has."""
    least: int | Literal["largest"] | None = None
    """Repeat items until each label has this many; `largest`: as many as the most frequent one
    has, after `most`."""
    repeats: int = Field(default=10, ge=1)
    """No item occurs more often than this."""
    splits: tuple[Split, ...] = ("train",)
    """Where to balance; each split is counted for itself."""
    unlabelled: Literal["keep", "reject"] = "keep"
    """What becomes of items without the label."""
    seed: int = 0
    """Another number takes others out."""

    @field_validator("by")
    @classmethod
    def _known(cls, by: str) -> str:
        if by not in FIELDS:
            unit_of(by)  # a ValueError that names what is expected
        return by

    @field_validator("most", "least")
    @classmethod
    def _positive(cls, count: int | str | None) -> int | str | None:
        if isinstance(count, int) and count < 1:
            raise ValueError(f"{count} is no count of items; expected at least 1")
        return count

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        with twice(items) as again:
            copies = self._plan(again)
            for place, item in enumerate(again):
                value = self._value(item)
                if item.split not in self.splits:
                    yield item
                elif value is None and self.unlabelled == "reject":
                    yield reject(item, self.name, "unlabelled", f"no {self.by}")
                elif value is None:
                    yield item
                elif not copies[place]:
                    yield reject(item, self.name, "balanced_out", value)
                else:
                    yield item
                    for n in range(1, copies[place]):
                        yield item.model_copy(update={"id": f"{item.id}.{n}"})

    def _plan(self, items: Iterable[Item]) -> dict[int, int]:
        """Position of a labelled item → how often it is to occur."""
        groups: dict[tuple[str, str], list[tuple[bytes, int]]] = {}
        for place, item in enumerate(items):
            value = self._value(item)
            if value is not None and item.split in self.splits:
                key = hashlib.sha256(f"{self.seed}/{item.id}".encode()).digest()[:8]
                groups.setdefault((item.split, value), []).append((key, place))
        plan: dict[int, int] = {}
        for split in self.splits:
            members = [sorted(group) for (where, _), group in groups.items() if where == split]
            most = self._cap([len(group) for group in members])
            least = self._floor([min(most, len(group)) for group in members])
            for group in members:
                kept = group[:most] if most < len(group) else group
                times = _shares(len(kept), min(max(least, len(kept)), len(kept) * self.repeats))
                plan.update(zip((place for _, place in group), [0] * len(group), strict=True))
                plan.update(zip((place for _, place in kept), times, strict=True))
        return plan

    def _cap(self, counts: list[int]) -> int:
        every = max(counts, default=0)
        if self.most is None:
            return every
        return min(counts, default=0) if self.most == "smallest" else self.most

    def _floor(self, counts: list[int]) -> int:
        if self.least is None:
            return 0
        return max(counts, default=0) if self.least == "largest" else self.least

    def _value(self, item: Item) -> str | None:
        for labels in _labels(item):
            if self.by in FIELDS:
                value = getattr(labels, self.by)
            else:
                intensity = (labels.action_units or {}).get(unit_of(self.by).number)
                value = None if intensity is None else (
                    "present" if intensity >= PRESENT else "absent"
                )  # fmt: skip
            if value is not None:
                return str(value)
        return None


def _labels(item: Item) -> Iterable[FaceLabels]:
    if isinstance(item, Row):
        return item.facts
    return [item.labels] if isinstance(item, Clip) else [face.labels for face in item.faces]


def _shares(count: int, total: int) -> list[int]:
    """`total` spread over `count` items, the first ones taking what is left over."""
    if not count:
        return []
    return [math.ceil((total - n) / count) for n in range(count)]
