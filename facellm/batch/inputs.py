"""What to caption: files of folders, globs and lists, in an order that is the same every time."""

import csv
import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from facellm.core.errors import FaceLLMError, given

PICTURES = {
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm",
    ".avif", ".jp2",
}  # fmt: skip
VIDEOS = {
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp",
    ".ogv",
}  # fmt: skip
TARS = {".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz"}
LISTS = {".csv", ".tsv", ".parquet", ".txt"}
COLUMNS = ("path", "image", "file", "file_name", "filename", "image_path", "input", "video")
"""Where a list has its paths, unless a column is named; the first that it has."""
MAGIC = set("*?[")


class Item(NamedTuple):
    """One file to read."""

    label: str
    """As the column `input` names it."""
    path: Path


class Inputs:
    """The items of what a user named; iterating again gives the same items in the same order."""

    def __init__(
        self, named: Sequence[str], column: str | None = None, limit: int | None = None
    ) -> None:
        """Take what was named.

        Args:
            named: files, folders, globs (`**` reaches inner folders) or lists of paths: `.csv`,
                `.tsv` and `.parquet` with a column of paths, `.txt` with one a line; paths in a
                list are relative to it.
            column: where lists have their paths; None looks for a column of `COLUMNS`.
            limit: take the first so many items.

        Raises:
            FaceLLMError: nothing of a name exists.
        """
        self._named = named
        self._column = column
        self._limit = limit
        self.left_out: Counter[str] = Counter()
        """Ending → files of folders and globs that are neither picture, video nor tar."""
        for name in named:
            if not Path(name).exists() and not MAGIC & set(name):
                raise FaceLLMError(f"no such file or folder: {given(name)}")

    def __iter__(self) -> Iterator[Item]:
        self.left_out = Counter()
        return islice((item for name in self._named for item in self._of(name)), self._limit)

    def measure(self) -> tuple[int, str]:
        """How many items there are, and a digest of their names and sizes.

        Raises:
            FaceLLMError: there are none.
        """
        digest, count = hashlib.sha256(), 0
        for item in self:
            count += 1
            size = item.path.stat().st_size if item.path.is_file() else -1
            digest.update(f"{item.label}\0{size}\n".encode(errors="surrogateescape"))
        if count == 0:
            others = ", ".join(f"{n} {kind}" for kind, n in self.left_out.most_common(4))
            raise FaceLLMError(
                f"no pictures, videos or tar shards in {given(', '.join(self._named))}"
                + (f" (other files: {others})" if others else "")
            )
        return count, digest.hexdigest()

    def _of(self, name: str) -> Iterator[Item]:
        path = Path(name)
        if path.is_dir():
            yield from self._known(_walk(path))
        elif path.exists():
            yield from self._list(path) if path.suffix.lower() in LISTS else [Item(name, path)]
        else:
            found = sorted(glob.iglob(name, recursive=True))
            yield from self._known(Path(one) for one in found if Path(one).is_file())

    def _known(self, paths: Iterator[Path]) -> Iterator[Item]:
        for path in paths:
            if kind_of(path) is not None:
                yield Item(str(path), path)
            else:
                self.left_out[path.suffix.lower() or "no ending"] += 1

    def _list(self, path: Path) -> Iterator[Item]:
        for entry in _entries(path, self._column):
            yield Item(entry, path.parent / entry)


def kind_of(path: Path) -> str | None:
    """`picture`, `video` or `tar` by the name's ending; None for others."""
    ending = path.suffix.lower()
    if ending in PICTURES:
        return "picture"
    if ending in VIDEOS:
        return "video"
    return "tar" if ending in TARS or "".join(path.suffixes[-2:]).lower() in TARS else None


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder in the order of their names; hidden ones are not looked at."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise FaceLLMError(f"cannot read the folder {given(folder)}: {error.strerror}") from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name)
        elif entry.is_file():
            yield folder / entry.name


def _entries(path: Path, column: str | None) -> Iterator[str]:
    """The paths of a list, as they stand in it."""
    ending = path.suffix.lower()
    try:
        if ending == ".parquet":
            yield from _parquet(path, column)
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            if ending == ".txt":
                yield from (line.strip() for line in file if line.strip())
                return
            reader = csv.DictReader(file, delimiter="\t" if ending == ".tsv" else ",")
            name = _column(path, list(reader.fieldnames or ()), column)
            yield from ((row[name] or "").strip() for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FaceLLMError(f"cannot read the list {given(path)}: {error}") from None


def _parquet(path: Path, column: str | None) -> Iterator[str]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except pa.ArrowInvalid:
        raise FaceLLMError(f"{given(path)} is not a parquet file, or a damaged one") from None
    name = _column(path, file.schema_arrow.names, column)
    kind = file.schema_arrow.field(name).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise FaceLLMError(
            f"column {name!r} of {given(path)} holds {str(kind)[:40]}; expected paths as text"
        )
    for batch in file.iter_batches(columns=[name]):
        yield from ((value or "").strip() for value in batch.column(0).to_pylist())


def _column(path: Path, has: list[str], wanted: str | None) -> str:
    known = [wanted] if wanted else [name for name in COLUMNS if name in has]
    if not known or known[0] not in has:
        shown = ", ".join(has[:8]) + (", …" if len(has) > 8 else "")
        expected = repr(wanted) if wanted else f"one of {', '.join(COLUMNS)}, or name it: --column"
        raise FaceLLMError(f"{given(path)} has the columns {shown or 'none'}; expected {expected}")
    return known[0]
