"""What flows through the data engine and what a step does with it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from data_engine.row import Row
from facellm.core.sample import Clip, Record, Sample

MISSING, UNREADABLE = "missing_file", "unreadable_file"
"""Reasons of every reject about a picture or video that is not there, or is there and of no use;
sources, steps and exports share them."""

Item = Sample | Clip | Row
"""Sources yield samples and clips, some yield rows; writers turn samples and clips into rows."""


class Reject(Record):
    """An item that a step takes out, with the reason: nothing is dropped silently."""

    item_id: str
    step: str
    reason: str
    """Machine-readable: a kind in words joined by `_`, for many kinds followed by `:` and what it
    is about, as in `near_duplicate:ID`, `wrong_unit:AU12`, `teacher:timeout`. The kinds of a step
    are in its docstring; of all: `MISSING`, `UNREADABLE`, and `error:TYPE` where a step failed on
    the item in a way nobody foresaw."""
    detail: str = ""
    """For a person: what was found where, without the picture or private text."""
    item: dict[str, Any] | None = None
    """The item as it was, to look at and to mend."""


class Step(BaseModel, ABC):
    """One stage of a pipeline; its fields are its options in the recipe.

    A step must give the same output for the same input wherever and whenever it runs: all
    randomness is seeded by the item's id and the step's own `seed`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: ClassVar[str]
    whole: ClassVar[bool] = False
    """True where the step must see all items at once (deduplication, balance), not one shard."""
    waits: ClassVar[bool] = False
    """True where the step spends its time waiting for others: shards then overlap."""
    indifferent: ClassVar[tuple[str, ...]] = ()
    """Options, dotted where they are inside others, that do not decide about results, such as where
    a server is: a run may go on with others."""
    makes_rows: ClassVar[bool] = False
    """True where samples become rows: the samples are then kept beside them."""

    @abstractmethod
    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        """Yield for every item what becomes of it: itself, others made from it, or a reject.

        Args:
            items: one shard in order, or all items where `whole`.
            folder: what the items' paths are relative to; a step may write files below it.
        """
