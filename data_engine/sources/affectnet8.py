"""AffectNet in its second form: one picture and four small npy files a face.

    train_set/images/7.jpg            cropped face
    train_set/annotations/7_exp.npy   code 0-7 (a string in the official files)
    train_set/annotations/7_val.npy   valence      7_aro.npy   arousal, in [-1, 1]
    train_set/annotations/7_lnd.npy   68 points x, y, x, y, … in pixels of the crop
    val_set/…

The same two folders without a `train_set` around them are read as training data; an `_exp` file is
required, the others may be missing. No subject ids exist.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from data_engine.sources.affectnet import EMOTION_CODES, MISSING
from data_engine.sources.base import Source, first_existing, pictures
from data_engine.sources.table import Entry, Once
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels, Point
from facellm.core.splits import Split


class AffectNet8(Source):
    """AffectNet as pictures with npy annotations. The path holds `train_set` and `val_set`."""

    name: ClassVar[str] = "affectnet8"
    licence: ClassVar[str] = "AffectNet: non-commercial research, on request"
    splits: ClassVar[Mapping[str, Split]] = {"train_set": "train", "val_set": "val"}

    def read(self, out: Path) -> Iterator[Item | Reject]:
        for part, folder in self._parts().items():
            if self.wants(part):
                images = first_existing(folder, "images")
                annotations = first_existing(folder, "annotations")
                once = Once()
                for file in pictures(images):
                    once.see(file.stem, f"{part}/images/{file.name}")
                    yield self._item(file, annotations, self.splits[part], out)

    def _parts(self) -> dict[str, Path]:
        if (self.path / "images").is_dir():
            return {"train_set": self.path}
        parts = {part: self.path / part for part in self.splits if self.wants(part)}
        return {part: first_existing(self.path, part) for part in parts}

    def _item(self, file: Path, annotations: Path, split: Split, out: Path) -> Item | Reject:
        def value(kind: str) -> Entry | None:
            return _value(annotations / f"{file.stem}_{kind}.npy", kind)

        code = value("exp")
        if code is None:
            raise FaceLLMError(
                f"{annotations.name}/{file.stem}_exp.npy does not exist; "
                f"expected one beside images/{file.name}"
            )
        labels = FaceLabels(
            emotion=code.choice("exp", EMOTION_CODES),
            valence=_affect(value("val"), "val"),
            arousal=_affect(value("aro"), "aro"),
        )
        points = _points(annotations / f"{file.stem}_lnd.npy")
        return self.sample(file, out, labels, split=split, points=points, where=code.where)


def _load(file: Path) -> np.ndarray | None:
    if not file.is_file():
        return None
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise FaceLLMError(f"{file.name} is no npy file of plain values: {error}") from None


def _value(file: Path, kind: str) -> Entry | None:
    """The one value of a file as a line of a table: the same checks and errors apply."""
    array = _load(file)
    if array is None:
        return None
    if array.size != 1:
        raise FaceLLMError(f"{file.name} holds {array.size} values; expected 1")
    return Entry(file, 1, {kind: str(array.reshape(-1)[0]).strip()})


def _affect(entry: Entry | None, kind: str) -> float | None:
    if entry is None or entry.number(kind, float, MISSING, 1.0) == MISSING:
        return None
    return entry.number(kind, float, -1.0, 1.0)


def _points(file: Path) -> list[Point] | None:
    array = _load(file)
    if array is None:
        return None
    if array.size != 2 * 68:
        raise FaceLLMError(f"{file.name} holds {array.size} values; expected x, y of 68 points")
    return [(float(x), float(y)) for x, y in array.reshape(68, 2)]
