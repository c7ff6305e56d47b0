"""UTKFace: faces from the web whose labels are their file names.

    61_1_2_20170109142408075.jpg.chip.jpg     age, gender, race, date

Pictures may lie in any folders below the path (`UTKFace`, `part1`, …). A handful of the official
files lack one of the fields: they come as rejects. Ages were estimated and then checked by a
person. No split and no subject ids exist.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source, pictures
from data_engine.sources.table import Entry, Once
from data_engine.step import Item, Reject
from facellm.core.sample import FaceLabels

GENDERS = {"0": "male", "1": "female"}
RACES = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "Others"}
FIELDS = ("age", "gender", "race", "date")
OLDEST = 116


class UtkFace(Source):
    """UTKFace under its original file names. The path is any folder above the pictures."""

    name: ClassVar[str] = "utkface"
    licence: ClassVar[str] = "UTKFace: non-commercial research"

    def read(self, out: Path) -> Iterator[Item | Reject]:
        once = Once()
        for file in pictures(self.path):
            where = file.relative_to(self.path).as_posix()
            once.see(file.name, where)
            fields = file.name.split(".")[0].split("_")
            if len(fields) != len(FIELDS):
                why = f"the name has {len(fields)} fields; expected {'_'.join(FIELDS)}"
                yield self.reject(file, why, reason="bad_name")
                continue
            entry = Entry(Path(where), 1, dict(zip(FIELDS, fields, strict=True)))
            labels = FaceLabels(
                age=entry.number("age", int, 0, OLDEST),
                groups={
                    "gender": entry.choice("gender", GENDERS),
                    "race": entry.choice("race", RACES),
                },
            )
            yield self.sample(file, out, labels)
