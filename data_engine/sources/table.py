"""Label files line by line: every value knows its file and line, so that an error can name them."""

import csv
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from data_engine.sources.base import existing
from facellm.core.emotions import emotion
from facellm.core.errors import FaceLLMError, given

Value = TypeVar("Value")
Number = TypeVar("Number", int, float)
_SHOWN = 12


@dataclass(frozen=True)
class Entry:
    """One line of a label file."""

    file: Path
    line: int
    """Counted from 1, the header included."""
    values: Mapping[str, str]
    """Column → text without blanks around it."""

    @property
    def where(self) -> str:
        """`labels.csv:14`."""
        return f"{self.file.name}:{self.line}"

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def error(self, problem: str) -> FaceLLMError:
        """The error of this line; `problem` says what was given and what is expected."""
        return FaceLLMError(f"{self.where}: {problem}")

    def number(
        self, column: str, kind: type[Number], low: float | None = None, high: float | None = None
    ) -> Number:
        """The column as a number.

        Args:
            column: its name.
            kind: int (which refuses 1.5) or float.
            low, high: bounds, both inclusive.

        Raises:
            FaceLLMError: not a number, or out of the bounds.
        """
        word = "a whole number" if kind is int else "a number"
        if low is not None and high is not None:
            word += f" from {low:g} to {high:g}"
        elif low is not None:
            word += f" of at least {low:g}"
        try:
            value = kind(self[column])
        except ValueError:
            raise self.error(f"{column} is {given(self[column])}; expected {word}") from None
        inside = (low is None or value >= low) and (high is None or value <= high)
        if not inside:  # also for nan
            raise self.error(f"{column} is {given(self[column])}; expected {word}")
        return value

    def choice(self, column: str, table: Mapping[str, Value]) -> Value:
        """What the column's text stands for.

        Raises:
            FaceLLMError: a text that is no key of the table.
        """
        try:
            return table[self[column]]
        except KeyError:
            shown = ", ".join(list(table)[:_SHOWN]) + (" …" if len(table) > _SHOWN else "")
            raise self.error(
                f"{column} is {given(self[column])}; expected one of {shown}"
            ) from None

    def emotion(self, column: str) -> str:
        """The canonical noun of the emotion word in the column.

        Raises:
            FaceLLMError: a word that names none of the eight emotions.
        """
        try:
            return emotion(self[column])
        except FaceLLMError as error:
            raise self.error(str(error)) from None


def csv_entries(
    path: Path,
    required: Collection[str],
    *,
    delimiter: str = ",",
    fields: list[str] | None = None,
    clean: Callable[[str], str] = str.strip,
) -> Iterator[Entry]:
    """The lines of a csv file with a header.

    Args:
        path: the file, UTF-8 with or without a byte order mark.
        required: columns that must be there; others are passed on.
        delimiter: between the fields.
        fields: the columns of a file without a header.
        clean: applied to the names in the header.

    Raises:
        FaceLLMError: no such file, a missing or repeated column, a line with too few or too many
            fields, or bytes that are no UTF-8.
    """
    existing(path, f"expected a csv file with the columns {', '.join(required)}")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
        try:
            names = fields or [clean(name) for name in next(reader, [])]
            _check_header(path, names, required)
            for row in reader:
                if row:
                    yield _entry(path, reader.line_num, names, row)
        except UnicodeDecodeError:
            raise _no_text(path) from None
        except csv.Error as error:
            raise FaceLLMError(f"{path.name}:{reader.line_num}: no csv: {error}") from None


def text_entries(path: Path, fields: list[str], *, skip: int = 0) -> Iterator[Entry]:
    """The lines of a file whose fields are parted by blanks; empty lines are passed over.

    Args:
        path: the file, UTF-8.
        fields: names of the fields; every line must have as many.
        skip: lines at the top that are no data.

    Raises:
        FaceLLMError: no such file, a line with another number of fields, or bytes that are no
            UTF-8.
    """
    existing(path, f"expected lines of {' '.join(fields)}")
    with path.open(encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, 1):
                if number > skip and line.strip():
                    yield _entry(path, number, fields, line.split())
        except UnicodeDecodeError:
            raise _no_text(path) from None


def check_unique(
    entries: Iterable[Entry], key: str | Callable[[Entry], Hashable]
) -> Iterator[Entry]:
    """Pass the entries on, each key once.

    Args:
        entries: lines of one or several files.
        key: the column that must not repeat, or what to compute from the entry.

    Raises:
        FaceLLMError: a key that was there before; both lines are named.
    """
    once = Once()
    for entry in entries:
        once.see(entry[key] if isinstance(key, str) else key(entry), entry.where)
        yield entry


class Once:
    """Remembers where each key was first given."""

    def __init__(self) -> None:
        self._first: dict[Hashable, str] = {}

    def see(self, key: Hashable, where: str) -> None:
        """Note a key.

        Raises:
            FaceLLMError: it was there before; both places are named.
        """
        if key in self._first:
            raise FaceLLMError(
                f"{where}: {given(key)} was given at {self._first[key]}; expected it once"
            )
        self._first[key] = where


def _no_text(path: Path) -> FaceLLMError:
    """The error of a file with bytes that are no UTF-8, at the line that holds the first ones."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return FaceLLMError(f"{path.name}:{number}: is no UTF-8 text; save it as UTF-8")
    return FaceLLMError(f"{path.name}: is no UTF-8 text; save it as UTF-8")


def _check_header(path: Path, names: list[str], required: Collection[str]) -> None:
    missing = [name for name in required if name not in names]
    if missing:
        raise FaceLLMError(
            f"{path.name}:1: lacks the column{'s'[: len(missing) > 1]} {', '.join(missing)}; "
            f"expected {', '.join(required)}"
        )
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        raise FaceLLMError(f"{path.name}:1: the column {given(twice[0])} is there twice")


def _entry(path: Path, line: int, names: list[str], row: list[str]) -> Entry:
    if len(row) != len(names):
        raise FaceLLMError(
            f"{path.name}:{line}: {len(row)} fields; expected {len(names)}: "
            f"{', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}"
        )
    return Entry(path, line, {n: v.strip() for n, v in zip(names, row, strict=True)})
