"""MORPH-II (Album 2): police photographs of persons over the years, with age, gender and race.

    MORPH_Album2_comp.csv     id_num,picture_num,dob,doa,race,gender,facial_hair,age,…,photo
    Album2/009055_1M54.JPG

Only the columns `id_num`, `race`, `gender`, `age` and `photo` are read (`photo` and the file's name
are known from published loaders, the others from the set's description; releases differ in the rest
and in the name of the csv). Race is the set's own letter (B, W, A, H, …). There is no official
split: persons are split by `id_num`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source
from data_engine.sources.table import check_unique, csv_entries
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels

COLUMNS = ("id_num", "race", "gender", "age", "photo")
GENDERS = {"M": "male", "F": "female"}
OLDEST = 120


class Morph2(Source):
    """MORPH-II. The path is the csv, beside the folder of the pictures, or the folder with both."""

    name: ClassVar[str] = "morph2"
    licence: ClassVar[str] = "MORPH-II: licensed by UNCW, academic or commercial"
    consent: ClassVar[str] = "public records, persons were not asked"

    def read(self, out: Path) -> Iterator[Item | Reject]:
        file = self._csv()
        for entry in check_unique(csv_entries(file, COLUMNS), "photo"):
            if not entry["id_num"]:
                raise entry.error("id_num is empty; expected the person's number")
            groups = {"gender": entry.choice("gender", GENDERS), "race": entry["race"]}
            yield self.sample(
                file.parent / entry["photo"],
                out,
                FaceLabels(
                    age=entry.number("age", float, 0, OLDEST),
                    groups={name: word for name, word in groups.items() if word},
                ),
                subject=entry["id_num"],
                where=entry.where,
            )

    def _csv(self) -> Path:
        if self.path.is_file():
            return self.path
        found = sorted(p for p in self.path.glob("*.csv") if "eyecoords" not in p.name.lower())
        if len(found) != 1:
            names = ", ".join(p.name for p in found) or "none"
            raise FaceLLMError(f"expected one csv in {self.path}, found {names}; name it as path")
        return found[0]
