"""How a generic table becomes samples: which columns mean what, whatever file they come from.

csv | jsonl | parquet | hub ── rows of text by column ── Columns ──▶ Sample
"""

import re
from abc import ABC
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from data_engine.sources.generic import Labelled, split_word
from data_engine.sources.table import Entry
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError, given
from facellm.core.facs import MAX_INTENSITY, unit
from facellm.core.sample import Box, Sample
from facellm.core.splits import Split

INTENSITY_COLUMN = re.compile(r"AU([0-9]{1,2})_r")
"""OpenFace's and py-feat's name for an intensity of 0-5. `AU12` alone is a probability and
`AU12_c` a presence; neither is an intensity, so neither is read unasked."""
ROLES = ("path", "label", "split", "subject", "age", "valence", "arousal")
WeakField = Literal["emotion", "action_units", "age", "valence", "arousal", "expression"]


class Columns(BaseModel):
    """Which column means what. A column the recipe names must be there; the names that stand here
    are used where the table has them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    path: str = "path"
    """The picture: relative to the folder `pictures`, or embedded in a parquet file."""
    label: str | None = "label"
    """A word; see `label_as` and `aliases`."""
    split: str | None = "split"
    """train, val or test, by any of their usual names."""
    subject: str | None = "subject"
    """The person, whom splits keep together."""
    age: str | None = "age"
    """Years."""
    valence: str | None = "valence"
    """In [-1, 1]."""
    arousal: str | None = "arousal"
    """In [-1, 1]."""
    box: tuple[str, str, str, str] | None = None
    """x0, y0, x1, y1 in pixels; null takes the whole picture."""
    units: Mapping[str, int] | None = None
    """Column → action unit, intensities in [0, 5]; null takes every column such as `AU12_r`."""
    groups: tuple[str, ...] = ()
    """Columns of group labels, for audits."""

    def named(self) -> list[str]:
        """The columns that must be there: the path and whatever the recipe names."""
        chosen = [getattr(self, role) for role in ROLES if role in self.model_fields_set]
        names = [self.path, *chosen, *(self.box or ()), *(self.units or ()), *self.groups]
        return [name for name in dict.fromkeys(names) if name is not None]

    def used(self, available: Collection[str]) -> list[str]:
        """Those of the available columns that mean anything."""
        wanted = {getattr(self, role) for role in ROLES} | {*(self.box or ()), *self.groups}
        if self.units is not None:
            wanted |= set(self.units)
        else:
            wanted |= {name for name in available if INTENSITY_COLUMN.fullmatch(name)}
        return [name for name in available if name in wanted]


class Table(Labelled, ABC):
    """A generic table with one picture a row, each showing one labelled face."""

    columns: Columns = Columns()
    """Which column means what."""
    weak: frozenset[WeakField] = frozenset()
    """Labels that a tool estimated rather than a person, such as `action_units` of OpenFace."""

    def sample_of(
        self, entry: Entry, picture: Path, out: Path, split: Split | None = None
    ) -> Sample | Reject:
        """The sample of one row.

        Args:
            entry: the row.
            picture: its file.
            out: folder of the corpus.
            split: where the row does not say; None leaves it to the subject.

        Raises:
            FaceLLMError: an unknown label or split, or a number outside its range.
        """
        columns = self.columns
        cells = {role: entry.values.get(getattr(columns, role) or "", "") for role in ROLES}
        labels = self.word_labels(cells["label"], entry.where).model_copy(
            update=self._numbers(entry)
        )
        weak = frozenset(name for name in self.weak if getattr(labels, name) is not None)
        return self.sample(
            picture, out, labels.model_copy(update={"weak": weak}),
            split=split_word(cells["split"], entry.where) or split,
            subject=cells["subject"] or None, box=self._box(entry), where=entry.where,
        )  # fmt: skip

    def _numbers(self, entry: Entry) -> dict[str, Any]:
        """The labels that are no word; absent columns and empty cells are unlabelled."""
        values: dict[str, Any] = {}
        for name, low, high in (("age", 0, 130), ("valence", -1, 1), ("arousal", -1, 1)):
            column = getattr(self.columns, name)
            if column and entry.values.get(column):
                values[name] = entry.number(column, float, low, high)
        units = {
            number: entry.number(column, float, 0, MAX_INTENSITY)
            for column, number in self._units(entry).items()
            if entry[column]
        }
        groups = {column: entry[column] for column in self.columns.groups if entry[column]}
        return {**values, "action_units": units or None, "groups": groups or None}

    def _units(self, entry: Entry) -> dict[str, int]:
        if self.columns.units is not None:
            found = dict(self.columns.units)
        else:
            matches = ((column, INTENSITY_COLUMN.fullmatch(column)) for column in entry.values)
            found = {column: int(match[1]) for column, match in matches if match}
        for column, number in found.items():
            try:
                unit(number)
            except FaceLLMError as error:
                raise entry.error(
                    f"column {given(column)}: {error}; `units` can name the columns to read"
                ) from None
        return found

    def _box(self, entry: Entry) -> Box | None:
        if self.columns.box is None or not any(entry[name] for name in self.columns.box):
            return None
        x0, y0, x1, y1 = (entry.number(name, float) for name in self.columns.box)
        if not (x0 < x1 and y0 < y1):
            raise entry.error(f"the box {x0:g} {y0:g} {x1:g} {y1:g} is empty; expected xyxy pixels")
        return x0, y0, x1, y1


def cell_text(value: object, where: str, column: str) -> str:
    """A cell of json or parquet as the text that a csv would hold; None is empty.

    Raises:
        FaceLLMError: a list or an object, which no column of a table means.
    """
    if value is None:
        return ""
    if isinstance(value, str | bool | int | float):
        return str(value).strip()
    raise FaceLLMError(
        f"{where}: {column} is {given(value)}; expected text or a number, or leave the column out"
    )
