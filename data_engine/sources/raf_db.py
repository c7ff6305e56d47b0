"""RAF-DB, basic and compound: photographs from the web labelled by about forty people each.

    basic/EmoLabel/list_patition_label.txt      train_00001.jpg 5
    basic/Image/aligned/train_00001_aligned.jpg
    basic/Annotation/manual/train_00001_manu_attri.txt

The official file name really says "patition". The same below `compound/`. The attribute files (five
lines of points, then the codes of gender, race and age group) are optional; their order of lines is
from the set's description and was not seen on disk.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source, first_existing
from data_engine.sources.table import Entry, check_unique, text_entries
from data_engine.step import Item, Reject
from facellm.core.emotions import COMPOUND_ORDERS, LABEL_ORDERS
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split

ATTRIBUTES: dict[str, dict[str, str]] = {
    "gender": {"0": "male", "1": "female", "2": "unsure"},
    "race": {"0": "Caucasian", "1": "African-American", "2": "Asian"},
    "age": {"0": "0-3", "1": "4-19", "2": "20-39", "3": "40-69", "4": "70+"},
}
"""Group label → the set's code → its words, in the order of the lines."""
_POINT_LINES = 5


class _RafDb(Source, ABC):
    licence: ClassVar[str] = "RAF-DB: non-commercial research, on request"
    splits: ClassVar[Mapping[str, Split]] = {"train": "train", "test": "test"}
    part: ClassVar[str]
    """Folder of this part in the download."""

    @abstractmethod
    def labels(self, entry: Entry) -> FaceLabels:
        """The labels of one line, without the groups."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        whole = (self.path / self.part).is_dir()
        root = self.path / self.part if whole else self.path
        labels = first_existing(root, "EmoLabel/list_patition_label.txt")
        aligned = first_existing(root, "Image/aligned")
        for entry in check_unique(text_entries(labels, ["picture", "label"]), "picture"):
            stem = Path(entry["picture"]).stem
            part = stem.split("_")[0]
            if part not in self.splits:
                raise entry.error(f"'{stem}' belongs to no part; expected train_… or test_…")
            known = self.labels(entry)
            if not self.wants(part):
                continue
            groups = _groups(root / "Annotation" / "manual" / f"{stem}_manu_attri.txt")
            yield self.sample(
                aligned / f"{stem}_aligned.jpg",
                out,
                known.model_copy(update={"groups": groups}),
                split=self.splits[part],
                where=entry.where,
            )


class RafDb(_RafDb):
    """RAF-DB with one of seven emotions. The path is the download's root or its `basic` folder."""

    name: ClassVar[str] = "raf_db"
    part: ClassVar[str] = "basic"

    def labels(self, entry: Entry) -> FaceLabels:
        return FaceLabels(
            emotion=entry.choice("label", {str(n): e for n, e in LABEL_ORDERS["raf-db"].items()})
        )


class RafDbCompound(_RafDb):
    """RAF-DB with one of eleven compound expressions, such as "happily surprised"; no emotion."""

    name: ClassVar[str] = "raf_db_compound"
    part: ClassVar[str] = "compound"

    def labels(self, entry: Entry) -> FaceLabels:
        return FaceLabels(
            expression=entry.choice(
                "label", {str(n): e for n, e in COMPOUND_ORDERS["raf-db"].items()}
            )
        )


def _groups(file: Path) -> dict[str, str] | None:
    """Gender, race and age group; None where the file is not there."""
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8").split("\n")
    codes = [(n, line.strip()) for n, line in enumerate(lines, 1) if line.strip()][_POINT_LINES:]
    if len(codes) != len(ATTRIBUTES):
        raise FaceLLMError(
            f"{file.name}: {len(codes)} codes after the points; expected {', '.join(ATTRIBUTES)}"
        )
    return {
        name: Entry(file, number, {name: code}).choice(name, ATTRIBUTES[name])
        for name, (number, code) in zip(ATTRIBUTES, codes, strict=True)
    }
