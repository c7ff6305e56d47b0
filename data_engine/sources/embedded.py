"""Rows whose picture lies in the row: Hugging Face's `Image` column, in parquet or from the hub.

An `Image` is `{"bytes": …, "path": …}`. Bytes are written below the corpus, named by their hash,
so that the same picture is one file however often it comes.
"""

import io
from abc import ABC
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from data_engine.sources.base import hash_of, write_once
from data_engine.sources.columns import Columns, Table, cell_text
from data_engine.sources.table import Entry
from data_engine.step import MISSING, UNREADABLE, Item, Reject
from facellm.core.errors import given
from facellm.core.splits import Split

SUFFIXES = {
    "JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif", "TIFF": ".tif",
}  # fmt: skip
Names = Mapping[str, Sequence[str]]
"""Column of class numbers → the classes' names, in order."""


class Place(NamedTuple):
    """Where a row stands."""

    file: Path
    number: int
    """Of the row in its file, from 1."""
    folder: Path
    """What a picture given as a path is relative to."""
    split: Split | None
    """Of the file; None leaves it to the row or the subject."""


class Embedded(Table, ABC):
    """A generic table whose pictures may be embedded."""

    columns: Columns = Columns(path="image")
    """Which column means what; the picture is `image` as in most sets on the hub."""

    def item(self, row: Mapping[str, Any], names: Names, place: Place, out: Path) -> Item | Reject:
        """The sample of one row, which may hold more columns than those that mean something.

        Raises:
            FaceLLMError: a label, split or number that is not as the recipe says.
        """
        column = self.columns.path
        where = Entry(place.file, place.number, {}).where
        cells = {
            name: _cell(row[name], names.get(name, ()), where, name)
            for name in self.columns.used(row)
            if name != column
        }
        entry = Entry(place.file, place.number, cells)
        picture = row[column]
        parts = picture if isinstance(picture, Mapping) else {}
        data = picture if isinstance(picture, bytes) else parts.get("bytes")
        path = picture if isinstance(picture, str) else parts.get("path")
        if isinstance(data, bytes):
            suffix = _suffix(data)
            if suffix is None:
                return self.reject(Path(where), "the bytes are no picture", where, UNREADABLE)
            file = out / "pictures" / self.called / f"{hash_of(data)}{suffix}"
            write_once(file, data)
        elif isinstance(path, str):
            file = place.folder / path
        elif picture is None:
            return self.reject(Path(where), "the row has no picture", where, MISSING)
        else:
            raise entry.error(f"{column} is {given(picture)}; expected bytes or a path")
        return self.sample_of(entry, file, out, place.split)


def _cell(value: object, names: Sequence[str], where: str, column: str) -> str:
    """The text of a cell; a class number is its name, and -1 stands for no label."""
    if names and isinstance(value, int) and -1 <= value < len(names):
        return names[value] if value >= 0 else ""
    return cell_text(value, where, column)


def _suffix(data: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return SUFFIXES.get(image.format or "", ".img")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
