"""AffectNet as first published: csv lists with expression codes, valence, arousal and 68 points.

    Manually_Annotated_file_lists/training.csv     subDirectory_filePath,face_x,face_y,face_width,
                                                   face_height,facial_landmarks,expression,
                                                   valence,arousal
    Manually_Annotated_file_lists/validation.csv
    Manually_Annotated_Images/1/abc.jpg

Codes 0-7 are emotions, 8 is "none" and 9 "uncertain" (no emotion label), 10 says that there is no
face. Valence and arousal of -2 mean missing. The box and the points `x;y;x;y;…` are taken as pixels
of the stored picture, as published loaders do. There is no public test part: `validation`, which
papers report on, stays `val` here. No subject ids exist.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source, first_existing
from data_engine.sources.table import Entry, check_unique, csv_entries
from data_engine.step import Item, Reject
from facellm.core.emotions import LABEL_ORDERS
from facellm.core.sample import Box, FaceLabels, Point
from facellm.core.splits import Split

COLUMNS = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks",
    "expression", "valence", "arousal",
)  # fmt: skip
EMOTION_CODES = {str(n): emotion for n, emotion in LABEL_ORDERS["affectnet"].items()}
OTHER_CODES = {"8": "none", "9": "uncertain"}
NO_FACE = "10"
MISSING = -2.0
LISTS = {"training": "training.csv", "validation": "validation.csv"}
AUTOMATIC = "automatically_annotated.csv"


class AffectNet(Source):
    """AffectNet's csv lists. The path is the folder that holds the lists and the images."""

    name: ClassVar[str] = "affectnet"
    licence: ClassVar[str] = "AffectNet: non-commercial research, on request"
    splits: ClassVar[Mapping[str, Split]] = {"training": "train", "validation": "val"}

    automatic: bool = False
    """Read the list that a network annotated instead: all of it weak, all of it `training`."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        prefix = "Automatically" if self.automatic else "Manually"
        lists = {"training": AUTOMATIC} if self.automatic else LISTS
        images = first_existing(
            self.path,
            f"{prefix}_Annotated_Images",
            f"{prefix}_Annotated/{prefix}_Annotated_Images",
        )
        for part, name in lists.items():
            if self.wants(part):
                file = first_existing(
                    self.path,
                    f"{prefix}_Annotated_file_lists/{name}",
                    name,
                    f"{prefix}_Annotated/{prefix}_Annotated_file_lists/{name}",
                )
                entries = csv_entries(file, COLUMNS)
                for entry in check_unique(entries, "subDirectory_filePath"):
                    yield self._item(entry, images, self.splits[part], out)

    def _item(self, entry: Entry, images: Path, split: Split, out: Path) -> Item | Reject:
        face = entry["expression"] != NO_FACE
        return self.sample(
            images / entry["subDirectory_filePath"],
            out,
            self._labels(entry) if face else None,
            split=split,
            box=_box(entry) if face else None,
            points=_points(entry) if face else None,
            where=entry.where,
        )

    def _labels(self, entry: Entry) -> FaceLabels:
        codes = {**EMOTION_CODES, **OTHER_CODES, NO_FACE: ""}
        word = entry.choice("expression", codes)
        emotion = word if entry["expression"] in EMOTION_CODES else None
        valence, arousal = _affect(entry, "valence"), _affect(entry, "arousal")
        values = {"emotion": emotion, "valence": valence, "arousal": arousal}
        given = frozenset(name for name, value in values.items() if value is not None)
        return FaceLabels(
            emotion=emotion,
            expression=None if emotion else word,
            valence=valence,
            arousal=arousal,
            weak=given if self.automatic else frozenset(),
        )


def _affect(entry: Entry, column: str) -> float | None:
    value = entry.number(column, float, MISSING, 1.0)
    if value == MISSING:
        return None
    return entry.number(column, float, -1.0, 1.0)


def _box(entry: Entry) -> Box | None:
    """The face's box; None (the whole picture) where the list gives one without an area."""
    x, y, width, height = (entry.number(name, float) for name in COLUMNS[1:5])
    return (x, y, x + width, y + height) if width > 0 and height > 0 else None


def _points(entry: Entry) -> list[Point] | None:
    text = entry["facial_landmarks"]
    if text.lower() in ("", "nan", "null"):
        return None
    try:
        values = [float(value) for value in text.split(";")]
    except ValueError:
        values = []
    if len(values) != 2 * 68:
        raise entry.error(f"facial_landmarks has {len(values)} numbers; expected x;y of 68 points")
    return list(zip(values[::2], values[1::2], strict=True))
