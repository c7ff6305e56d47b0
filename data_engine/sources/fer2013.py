"""FER2013: 48×48 grey faces, as the csv of the Kaggle challenge or as the folders made from it.

    fer2013.csv                   emotion,pixels,Usage     (also icml_face_data.csv)
    train/angry/…png, test/…      the form with folders, whose `test` holds both of the csv's

The csv holds the pixels as text: the pictures are written below the corpus folder as
`fer2013/00001.png`, numbered by data row. No subject ids exist, and the set holds the same picture
several times with different labels.
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from data_engine.sources.base import Source, first_existing, pictures, write_once
from data_engine.sources.table import Entry, Once, csv_entries
from data_engine.step import Item, Reject
from facellm.core.emotions import LABEL_ORDERS, emotion
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split

SIDE = 48
USAGES: dict[str, Split] = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
LICENCE = "FER2013: no licence stated, Kaggle challenge data"
CODES = {str(n): emotion for n, emotion in LABEL_ORDERS["fer2013"].items()}


class Fer2013(Source):
    """The csv of FER2013. The path is the csv or the folder that holds it."""

    name: ClassVar[str] = "fer2013"
    licence: ClassVar[str] = LICENCE
    splits: ClassVar[Mapping[str, Split]] = USAGES

    def read(self, out: Path) -> Iterator[Item | Reject]:
        for number, entry in enumerate(fer_rows(self.path), 1):
            emotion = entry.choice("emotion", CODES)
            usage = entry["Usage"]
            split = entry.choice("Usage", USAGES)
            if self.wants(usage):
                file = unpack(entry, out, number)
                labels = FaceLabels(emotion=emotion)
                yield self.sample(file, out, labels, split=split, where=entry.where)


class Fer2013Folders(Source):
    """FER2013 as `train` and `test` folders with one folder an emotion."""

    name: ClassVar[str] = "fer2013_folders"
    licence: ClassVar[str] = LICENCE
    splits: ClassVar[Mapping[str, Split]] = {"train": "train", "test": "test"}

    def read(self, out: Path) -> Iterator[Item | Reject]:
        for part, split in self.splits.items():
            if not self.wants(part):
                continue
            for folder in sorted(
                p for p in first_existing(self.path, part).iterdir() if p.is_dir()
            ):
                try:
                    labels = FaceLabels(emotion=emotion(folder.name))
                except FaceLLMError as error:
                    raise FaceLLMError(f"{part}/{folder.name}: {error}") from None
                once = Once()
                for file in pictures(folder):
                    once.see(file.stem, f"{part}/{folder.name}/{file.name}")
                    yield self.sample(file, out, labels, split=split)


def fer_rows(path: Path) -> Iterator[Entry]:
    """The rows of FER2013's csv, which `path` is or holds."""
    file = path if path.is_file() else first_existing(path, "fer2013.csv", "icml_face_data.csv")
    return csv_entries(file, ("emotion", "pixels", "Usage"))


def unpack(entry: Entry, out: Path, number: int) -> Path:
    """Write the picture of a row below the corpus folder; returns where.

    Raises:
        FaceLLMError: not 48×48 values from 0 to 255.
    """
    words = entry["pixels"].split()
    try:
        values = np.array(words, np.int64)
    except ValueError:
        values = np.empty(0, np.int64)
    if values.size != SIDE * SIDE or values.min() < 0 or values.max() > 255:
        raise entry.error(
            f"pixels holds {len(words)} values; expected {SIDE * SIDE} whole numbers from 0 to 255"
        )
    buffer = io.BytesIO()
    Image.fromarray(values.astype(np.uint8).reshape(SIDE, SIDE)).save(buffer, "PNG")
    file = out / "fer2013" / f"{number:05d}.png"
    write_once(file, buffer.getvalue())
    return file
