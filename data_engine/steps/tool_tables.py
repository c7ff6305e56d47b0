"""Read the csv files that OpenFace 2 and py-feat write: rows about faces, by input file."""

import csv
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from facellm.core.errors import FaceLLMError, given
from facellm.core.facs import ACTION_UNITS, MAX_INTENSITY, PRESENT
from facellm.core.sample import Box

Tool = Literal["openface", "pyfeat"]
_UNIT = {"openface": re.compile(r"AU(\d\d)_r"), "pyfeat": re.compile(r"AU(\d\d)")}
_NEEDED = {"openface": ("confidence",), "pyfeat": ("input", "FaceScore")}
_RECT = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")


class Seen(NamedTuple):
    """What a tool says about one face in one frame."""

    units: dict[int, float]
    """Intensities 0-5; a unit the tool left empty is no key."""
    confidence: float
    """In [0, 1]; 0 where the tool says that it failed."""
    box: Box | None
    time: float | None
    frame: float | None
    """Number of the frame, counted from 0."""

    def seconds(self, fps: float | None) -> float | None:
        """Time of the row; None where only frames are numbered and no rate is known."""
        if self.time is not None or self.frame is None or fps is None:
            return self.time
        return self.frame / fps


class Table(NamedTuple):
    """All rows about one input."""

    input: str
    """Its path as the tool wrote it (py-feat), or the path of the csv without suffix (OpenFace)."""
    rows: list[Seen]


class Tables:
    """Tables by the name of their input."""

    def __init__(self, tool: Tool, tables: Mapping[str, list[Seen]]) -> None:
        self._with_suffix = tool == "pyfeat"
        self._tables: dict[str, list[Table]] = {}
        for name, rows in tables.items():
            key = PurePosixPath(name).name
            self._tables.setdefault(key, []).append(Table(name, rows))

    @property
    def how_matched(self) -> str:
        """How items and tables find each other, for an error message."""
        if self._with_suffix:
            return "expected the items' file names in its column `input`"
        return "expected csv files named as the items: picture.jpg → picture.csv"

    def every(self) -> Iterator[Table]:
        """All tables, in order of reading."""
        for tables in self._tables.values():
            yield from tables

    def of(self, path: str) -> list[Table]:
        """The tables about an item: of several with its file name, those that share most folders.

        One table is the answer, none or several mean that there is none.
        """
        here = PurePosixPath(path)
        if not self._with_suffix:
            here = here.with_suffix("")
        tables = self._tables.get(here.name, [])
        if len(tables) < 2:
            return tables
        shared = [_shared(here, PurePosixPath(table.input)) for table in tables]
        return [t for t, count in zip(tables, shared, strict=True) if count == max(shared)]


def _shared(first: PurePosixPath, second: PurePosixPath) -> int:
    """How many parts the two paths have in common, counted from the end."""
    count = 0
    for one, other in zip(reversed(first.parts), reversed(second.parts), strict=False):
        if one != other:
            break
        count += 1
    return count


def read_tables(path: Path, tool: Tool) -> Tables:
    """Read one csv, or all below a folder.

    Raises:
        FaceLLMError: nothing there, a missing column, or a value that is no number, with its line.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*.csv"))
    if not files:
        raise FaceLLMError(f"no csv at {given(path)}; expected the tables {tool} wrote")
    tables: dict[str, list[Seen]] = {}
    for file in files:
        place = file.relative_to(path) if file != path else Path(file.name)
        for name, row in _rows(file, tool):
            key = name or place.with_suffix("").as_posix()
            tables.setdefault(key.replace("\\", "/"), []).append(row)
    return Tables(tool, tables)


def _rows(file: Path, tool: Tool) -> Iterator[tuple[str, Seen]]:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.reader(lines)
        header = [name.strip() for name in next(reader, [])]  # OpenFace writes ", " between names
        units = _check(file, header, tool)
        for line in reader:
            if not line:
                continue
            if len(line) != len(header):
                raise FaceLLMError(
                    f"{file.name}:{reader.line_num} has {len(line)} fields; the header has "
                    f"{len(header)}"
                )
            cells = dict(zip(header, (cell.strip() for cell in line), strict=True))
            try:
                yield cells.get("input", ""), _seen(cells, units, tool)
            except ValueError as error:
                raise FaceLLMError(f"{file.name}:{reader.line_num} {error}") from None


def _check(file: Path, header: list[str], tool: Tool) -> dict[int, str]:
    """Unit → its column."""
    missing = [name for name in _NEEDED[tool] if name not in header]
    if missing:
        raise FaceLLMError(
            f"{file.name} lacks the columns {', '.join(missing)}; expected what {tool} writes"
        )
    units = {int(m[1]): name for name in header if (m := _UNIT[tool].fullmatch(name))}
    units = {number: name for number, name in units.items() if number in ACTION_UNITS}
    if not units:
        example = "AU12_r" if tool == "openface" else "AU12"
        raise FaceLLMError(f"{file.name} has no action units; expected columns such as {example}")
    return units


def _seen(cells: dict[str, str], units: dict[int, str], tool: Tool) -> Seen:
    values = {number: _number(cells, name) for number, name in units.items()}
    known = {number: value for number, value in values.items() if value is not None}
    frame, time = _number(cells, "frame"), _number(cells, "timestamp")
    if tool == "pyfeat":
        most, scale, sure = 1.0, _of_probability, _number(cells, "FaceScore")
    else:
        most, scale, sure = MAX_INTENSITY, _rounded, _number(cells, "confidence")
        sure = 0.0 if _number(cells, "success") == 0 else sure
        frame = None if frame is None else frame - 1  # OpenFace counts from 1
    wrong = [number for number, value in known.items() if not 0 <= value <= most]
    if wrong:
        name = units[wrong[0]]
        raise ValueError(f"{name} is {known[wrong[0]]:g}; expected 0 to {most:g} of {tool}")
    return Seen(
        units={number: scale(value) for number, value in known.items()},
        confidence=sure or 0.0, box=_box(cells, tool), time=time, frame=frame,
    )  # fmt: skip


def _number(cells: dict[str, str], name: str) -> float | None:
    """None for an empty cell, a NaN or a column that is not there."""
    text = cells.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is {given(text)}; expected a number") from None
    return value if math.isfinite(value) else None


def _rounded(value: float) -> float:
    return round(value, 2)


def _of_probability(value: float) -> float:
    """0 → 0, 0.5 → the presence threshold, 1 → 5, straight lines between."""
    if value < 0.5:
        return round(2 * PRESENT * value, 2)
    return round(PRESENT + 2 * (value - 0.5) * (MAX_INTENSITY - PRESENT), 2)


def _box(cells: dict[str, str], tool: Tool) -> Box | None:
    """The face's box; OpenFace gives none but its 68 points hold one."""
    if tool == "pyfeat":
        rect = [_number(cells, name) for name in _RECT]
        x, y, width, height = (value if value is not None else math.nan for value in rect)
        return None if math.isnan(x + y + width + height) else (x, y, x + width, y + height)
    points = [[_number(cells, f"{axis}_{n}") for n in range(68)] for axis in "xy"]
    xs, ys = ([value for value in line if value is not None] for line in points)
    if len(xs) != 68 or len(ys) != 68:
        return None
    return (min(xs), min(ys), max(xs), max(ys))
