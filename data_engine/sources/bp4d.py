"""BP4D: 41 adults in eight tasks, units coded by frame; also BP4D+, which is laid out alike.

    AUCoding/AU_OCC/F001_T1.csv              header: frame, then unit numbers; 0, 1, 9 = unknown
    AUCoding/AU_INT/AU06/F001_T1_AU06.csv    frame,intensity     0-5, 9 = unknown
    2D+3D/F001/T1/0012.jpg

A coded intensity wins over an occurrence; units without one are `presence_only`.
Unknown is unlabelled. Known from published loaders: the names of the files and the codes; whether
the intensity files have a header differs between releases, so one is passed over. There is no
official split: persons are split by their id.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from data_engine.sources.base import Source, existing, first_existing
from data_engine.sources.coded import OCCURS, coded, numbered_pictures
from data_engine.sources.table import Entry, check_unique, csv_entries
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError
from facellm.core.facs import MAX_INTENSITY

UNKNOWN = 9
OCCURRENCE = {"0": 0.0, "1": OCCURS, "9": None}


class Bp4d(Source):
    """BP4D's units, by frame. The path holds `AUCoding`."""

    name: ClassVar[str] = "bp4d"
    licence: ClassVar[str] = "BP4D: non-commercial research, by agreement"
    consent: ClassVar[str] = "participants consented to research use"

    images: str = "2D+3D"
    """Folder below the path with the pictures: person, task, frame number."""
    every: int = Field(default=1, ge=1)
    """Keep each n-th labelled frame only: neighbours hardly differ."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        coding = first_existing(self.path, "AUCoding")
        files = sorted(first_existing(coding, "AU_OCC").glob("*_*.csv"))
        if not files:
            raise FaceLLMError(f"no csv in {coding / 'AU_OCC'}; expected F001_T1.csv and so on")
        images = existing(self.path / self.images, "expected the folder of the pictures")
        for file in files:
            person, _, task = file.stem.partition("_")
            folder = images / person / task
            pictures = numbered_pictures(folder) if folder.is_dir() else {}
            intensities = _intensities(coding / "AU_INT", file.stem)
            for number, entry in enumerate(check_unique(_occurrences(file), "frame")):
                if number % self.every == 0:
                    frame = entry.number("frame", int, 0)
                    yield self.sample(
                        pictures.get(frame, folder / f"{frame:04d}.jpg"),
                        out,
                        coded(_units(entry), intensities.get(frame, {})),
                        subject=person,
                        where=entry.where,
                    )


def _occurrences(file: Path) -> Iterator[Entry]:
    """The lines of a file of occurrences; the column of the frames is renamed to `frame`."""
    for entry in csv_entries(file, ()):
        columns = list(entry.values)
        yield Entry(file, entry.line, {"frame": entry[columns[0]], **_by_unit(entry, columns[1:])})


def _by_unit(entry: Entry, columns: list[str]) -> dict[str, str]:
    """The columns of units under their bare numbers, however the header writes them."""
    numbers = {name: name.upper().removeprefix("AU") for name in columns}
    wrong = [name for name, number in numbers.items() if not number.isdigit()]
    if wrong:
        raise FaceLLMError(f"{entry.file.name}:1: {wrong[0]!r} is no unit; expected its number")
    return {str(int(number)): entry[name] for name, number in numbers.items()}


def _units(entry: Entry) -> dict[int, float]:
    found = {}
    for column in entry.values:
        if column != "frame":
            value = entry.choice(column, OCCURRENCE)
            if value is not None:
                found[int(column)] = value
    return found


def _intensities(folder: Path, stem: str) -> dict[int, dict[int, float]]:
    """Frame → unit → coded intensity; empty where the release has none."""
    frames: dict[int, dict[int, float]] = {}
    for file in sorted(folder.glob(f"AU*/{stem}*.csv")):
        unit = int(file.parent.name.removeprefix("AU"))
        entries = csv_entries(file, (), fields=["frame", "intensity"])
        for entry in check_unique(entries, "frame"):
            if entry.line == 1 and not entry["frame"].isdigit():
                continue
            value = entry.number("intensity", int, 0, UNKNOWN)
            if value > MAX_INTENSITY and value != UNKNOWN:
                raise entry.error(f"intensity is {value}; expected 0 to 5, or 9 for unknown")
            if value != UNKNOWN:
                frames.setdefault(entry.number("frame", int, 0), {})[unit] = float(value)
    return frames
