"""EmotioNet: photographs from the web with 1 (acts), 0 (does not) or 999 (unknown) for each unit.

    EmotioNet_FACS_aws_2020_24600.csv    URL, URL orig, 'AU 1', 'AU 2', …      coded by experts
    dataFile_0001.txt                    the same by tabs, no header, AU 1-60  coded by a machine
    images/N_0000001149_00039.jpg        or images/N_0000001149/N_0000001149_00039.jpg

The set is a list of addresses, so pictures that cannot be had any more are to be expected and come
as rejects. Names and texts stand in quotes inside the csv's fields. Lists without a header are the
challenge's training files, annotated by the authors' algorithm: weak. Nobody gave intensities: all
units are `presence_only`. No split and no subject ids exist.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source, existing
from data_engine.sources.coded import OCCURS, coded
from data_engine.sources.table import Entry, Once, csv_entries
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError

CODES = {"0": 0.0, "0.0": 0.0, "1": OCCURS, "1.0": OCCURS, "999": None, "999.0": None, "": None}
UNITS_WITHOUT_HEADER = 60
_QUOTES = "\"' "


class EmotioNet(Source):
    """EmotioNet. The path holds the label lists."""

    name: ClassVar[str] = "emotionet"
    licence: ClassVar[str] = "EmotioNet: non-commercial research, by agreement"

    labels: str = "*.csv"
    """Which lists to read, as a pattern: `dataFile_*.txt` for the machine's."""
    images: str = "images"
    """Folder below the path with the pictures."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        images = existing(self.path / self.images, "expected the folder of the pictures")
        lists = sorted(self.path.glob(self.labels))
        if not lists:
            raise FaceLLMError(f"no {self.labels} in {self.path}; expected EmotioNet's label lists")
        once = Once()
        for file in lists:
            weak = file.suffix == ".txt"
            for entry in _entries(file, weak):
                once.see(entry["URL"], entry.where)
                yield self.sample(
                    _picture(images, entry["URL"]),
                    out,
                    coded(_units(entry), weak=weak),
                    where=entry.where,
                )


def _entries(file: Path, headless: bool) -> Iterator[Entry]:
    units = [f"AU{n}" for n in range(1, UNITS_WITHOUT_HEADER + 1)]
    entries = (
        csv_entries(file, (), delimiter="\t", fields=["URL", "URLorig", *units])
        if headless
        else csv_entries(file, ("URL",), clean=_bare)
    )
    for entry in entries:
        values = {name: value.strip(_QUOTES) for name, value in entry.values.items()}
        yield Entry(file, entry.line, values)


def _bare(name: str) -> str:
    """`'AU 1'` → `AU1`."""
    return name.translate(str.maketrans("", "", _QUOTES))


def _picture(images: Path, url: str) -> Path:
    """Where the picture of an address lies: by its name, or in the folder the address has."""
    *_, folder, name = ["", *url.split("/")]
    nested = images / folder / name
    return nested if folder and nested.is_file() else images / name


def _units(entry: Entry) -> dict[int, float]:
    columns = [name for name in entry.values if name.startswith("AU") and name[2:].isdigit()]
    if not columns:
        raise FaceLLMError(f"{entry.file.name}:1: no columns of units; expected 'AU 1' and so on")
    found = {int(name[2:]): entry.choice(name, CODES) for name in columns}
    return {n: value for n, value in found.items() if value is not None}
