"""A table of pictures as csv, tsv or jsonl, with columns of any name.

    path,label,split          csv with a header, UTF-8
    {"path": "a.jpg", "label": "happy"}     jsonl, one object a line

`columns` in the recipe says which column means what, `aliases` what the set's label words mean.
"""

from collections.abc import Iterator
from pathlib import Path

from data_engine.sources.base import existing
from data_engine.sources.columns import Columns, Table, cell_text
from data_engine.sources.entries import JSON_LINES, json_records
from data_engine.sources.table import Entry, check_unique, csv_entries
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError

DELIMITERS = {".csv": ",", ".tsv": "\t"}


class Csv(Table):
    """Samples of a table file; `path` is the file itself."""

    name = "csv"

    pictures: Path | None = None
    """Folder that the table's paths are relative to; null takes the table's folder."""

    @property
    def called(self) -> str:
        """The name of the data set: `labels.csv` alone says less than its folder."""
        return self.dataset or self.path.resolve().parent.name

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the pictures in the order of the table."""
        folder = self.path.parent if self.pictures is None else self.pictures
        existing(folder, "expected the folder of the pictures")
        for entry in check_unique(self._entries(), self.columns.path):
            yield self.sample_of(entry, folder / entry[self.columns.path], out)

    def _entries(self) -> Iterator[Entry]:
        suffix = self.path.suffix.lower()
        if suffix in DELIMITERS:
            delimiter = DELIMITERS[suffix]
            return csv_entries(self.path, self.columns.named(), delimiter=delimiter)
        if suffix in JSON_LINES:
            return _json_line_entries(self.path, self.columns)
        raise FaceLLMError(
            f"{self.path} is no table; expected a file ending in "
            f"{', '.join((*DELIMITERS, *JSON_LINES))}"
        )


def _json_line_entries(path: Path, columns: Columns) -> Iterator[Entry]:
    required = columns.named()
    for record in json_records(path):
        missing = [column for column in required if column not in record.values]
        if missing:
            raise record.error(f"lacks {', '.join(missing)}; expected {', '.join(required)}")
        cells = {
            column: cell_text(record.values[column], record.where, column)
            for column in columns.used(record.values)
        }
        yield Entry(path, record.number, cells)
