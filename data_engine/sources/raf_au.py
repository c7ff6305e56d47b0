"""RAF-AU: 4 601 photographs of blended expressions (those of RAF-ML), coded by two FACS coders.

    RAFAU_label.txt            0001.jpg 4+7+L12        units that act, joined by +; null
    aligned/0001_aligned.jpg

`L` and `R` before a number mean that the unit acts on one side only; the label keeps the unit, not
the side. Coders gave no intensities: all units are `presence_only`. Units of `CODED` that a line
does not name are absent; others it does not name are unlabelled. What `null` means is not
documented (such faces do express something), so it is read as unlabelled. No split and no subject
ids exist.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source, first_existing
from data_engine.sources.coded import OCCURS, coded
from data_engine.sources.table import Entry, check_unique, text_entries
from data_engine.step import Item, Reject
from facellm.core.errors import given
from facellm.core.sample import FaceLabels

CODED = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26, 27)
"""Units of our table that the coders looked for in every picture."""
NOTHING = "null"
_CODE = re.compile(r"[A-Z]?(\d{1,2})", re.ASCII)


class RafAu(Source):
    """RAF-AU. The path holds `RAFAU_label.txt` and `aligned`."""

    name: ClassVar[str] = "raf_au"
    licence: ClassVar[str] = "RAF-AU: non-commercial research, on request"

    def read(self, out: Path) -> Iterator[Item | Reject]:
        labels = first_existing(self.path, "RAFAU_label.txt")
        aligned = first_existing(self.path, "aligned")
        for entry in check_unique(text_entries(labels, ["picture", "units"]), "picture"):
            stem = Path(entry["picture"]).stem
            yield self.sample(
                aligned / f"{stem}_aligned.jpg",
                out,
                _labels(entry),
                where=entry.where,
            )


def _labels(entry: Entry) -> FaceLabels:
    if entry["units"] == NOTHING:
        return FaceLabels()
    units = dict.fromkeys(CODED, 0.0)
    for code in entry["units"].split("+"):
        match = _CODE.fullmatch(code)
        if match is None:
            raise entry.error(f"{given(code)} is no unit; expected codes such as 4+L12, or null")
        units[int(match[1])] = OCCURS
    return coded(units)
