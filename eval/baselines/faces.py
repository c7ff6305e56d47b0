"""The faces that baselines learn from and are asked about."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face, read_samples
from facellm.faces import load_image
from facellm.faces.crop import Crop, crop_around, pixels

WIDEN = 1.3
"""Edge of a crop in units of the reach of the face's points."""


class FaceRow(NamedTuple):
    """One labelled face."""

    sample_id: str
    face: int
    """From 1 at the left."""
    path: Path
    """Of the picture."""
    record: Face
    emotion: str
    split: str

    @property
    def key(self) -> str:
        """Unique in the corpus."""
        return f"{self.sample_id}/{self.face}"


class Baseline(Protocol):
    """A classifier that learns from some faces and tells the emotions of others."""

    def predict(
        self, train: Sequence[FaceRow], asked: Sequence[FaceRow], folder: Path
    ) -> list[dict[str, float]]:
        """Probability of each emotion of each asked face; `folder` is for what can be kept."""
        ...


def faces_of(corpus: Path, splits: Collection[str]) -> list[FaceRow]:
    """The faces of these splits that have an emotion label.

    Raises:
        FaceLLMError: no such corpus, or a split without a labelled face.
    """
    rows = [
        FaceRow(sample.id, n, corpus / sample.image, face, face.labels.emotion, sample.split)
        for sample in read_samples(corpus)
        if sample.split in splits
        for n, face in enumerate(sample.faces, 1)
        if face.labels.emotion in EMOTIONS
    ]
    empty = sorted(set(splits) - {row.split for row in rows})
    if empty:
        raise FaceLLMError(
            f"{corpus} has no face with an emotion label in split {empty[0]!r}; "
            "name other splits or another corpus"
        )
    return rows


def crops(rows: Sequence[FaceRow], side: int) -> NDArray[np.uint8]:
    """Upright crops of the faces, (N, side, side, 3) RGB."""
    out = np.empty((len(rows), side, side, 3), np.uint8)
    for n, row in enumerate(rows):
        out[n] = _crop(row.record).cut(pixels(load_image(row.path)), side)
    return out


def _crop(face: Face) -> Crop:
    if face.points is not None:
        return crop_around(np.asarray(face.points, dtype=np.float64), WIDEN)
    x0, y0, x1, y1 = face.box
    return Crop((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) * 1.1)


def classes_of(rows: Sequence[FaceRow]) -> list[str]:
    """The emotions that occur, in canonical order; no other can be predicted.

    Raises:
        FaceLLMError: fewer than two of them.
    """
    found = {row.emotion for row in rows}
    if len(found) < 2:
        raise FaceLLMError(
            f"the faces to train on show {', '.join(found)} alone; expected two emotions or more"
        )
    return [name for name in EMOTIONS if name in found]


def as_rows(classes: Sequence[str], probabilities: Any) -> list[dict[str, float]]:
    """(N, K) probabilities as one dictionary a face."""
    return [dict(zip(classes, map(float, row), strict=True)) for row in probabilities]
