"""Training faces in memory: each a square crop around the face, its points and its labels.

A crop is wider than the view the model sees, so that augmentation can turn and shift the view
without leaving it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError
from facellm.core.regions import face_scale
from facellm.core.sample import Face, Sample, read_samples
from facellm.faces import load_image
from facellm.model.readings import UNITS
from facellm.model.views import View, cut, face_view, to_view

CROP = 144
"""Side of a stored crop in pixels."""
WIDER = 1.3
"""Side of a crop over the side of the face view at its middle."""
NEAR = 0.5
"""Mean distance of one face's points by two finders, in its inter-ocular distances, at most."""
UNKNOWN = -1


@dataclass(frozen=True)
class Crops:
    """N faces: pictures (N, 3, CROP, CROP) uint8, points (N, 68, 2) in [0, 1] of the crop."""

    pixels: Tensor
    points: Tensor
    units: Tensor
    """(N, 23) intensities 0-5 of `UNITS`, NaN where unlabelled."""
    emotion: Tensor
    """(N,) index into EMOTIONS, `UNKNOWN` where unlabelled."""
    pose: Tensor
    """(N, 3) pitch, yaw, roll in radians, NaN where unlabelled."""
    samples: list[Sample]
    """One sample a face, holding that face alone, for the tasks to ask about."""
    odds: np.ndarray
    """(N,) cumulated chance of being drawn, the last is 1."""
    exact: Tensor
    """(N, 68, 2) where the points really are, in [0, 1] of the crop: `points` themselves unless
    another corpus knows better; NaN where it does not know the face."""

    def __len__(self) -> int:
        return len(self.samples)


def load_crops(
    folder: Path,
    split: str,
    limit: int | None = None,
    balance: float = 0.0,
    exact: Path | None = None,
) -> Crops:
    """Load the faces of one split of a corpus; `balance` and `exact` as in the recipe.

    Raises:
        FaceLLMError: no such corpus, or no face with points in that split.
    """
    kept: list[tuple[Sample, Face]] = []
    for sample in read_samples(folder):
        if sample.split == split:
            kept += [(sample, face) for face in sample.faces if face.points is not None]
        if limit is not None and len(kept) >= limit:
            kept = kept[:limit]
            break
    if not kept:
        raise FaceLLMError(f"corpus {folder} has no face with landmarks in its {split} split")
    pixels = torch.empty(len(kept), 3, CROP, CROP, dtype=torch.uint8)
    points = torch.empty(len(kept), 68, 2)
    better = torch.full_like(points, torch.nan)
    known = _points_of(exact, {sample.id for sample, _ in kept}) if exact is not None else {}
    for row, (sample, face) in enumerate(kept):
        array = np.asarray(face.points, np.float32)
        pixels[row], points[row] = crop_of(load_image(folder / sample.image), array)
        if sample.id in known:
            better[row] = torch.from_numpy(_same_face(array, known[sample.id]))
    labels = [face.labels for _, face in kept]
    return Crops(
        pixels,
        points,
        units=torch.tensor([intensities(label.action_units) for label in labels]),
        emotion=torch.tensor(
            [EMOTIONS.index(la.emotion) if la.emotion else UNKNOWN for la in labels]
        ),
        pose=torch.tensor([la.pose or (float("nan"),) * 3 for la in labels], dtype=torch.float32),
        samples=[sample.model_copy(update={"faces": [face]}) for sample, face in kept],
        odds=_odds([label.emotion for label in labels], balance),
        exact=points if exact is None else better,
    )


def _points_of(folder: Path, ids: set[str]) -> dict[str, list[NDArray[np.float32]]]:
    """Points of the faces of the pictures with these ids."""
    known = {
        sample.id: [np.asarray(f.points, np.float32) for f in sample.faces if f.points is not None]
        for sample in read_samples(folder)
        if sample.id in ids
    }
    if not known:
        raise FaceLLMError(f"exact {folder} has none of the pictures whose points it should know")
    return known


def _same_face(
    points: NDArray[np.float32], others: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The points of the same face among others of its picture, in [0, 1] of its crop, or NaN."""
    apart = [float(np.linalg.norm(other - points, axis=1).mean()) for other in others]
    nearest = int(np.argmin(apart)) if apart else 0
    if not apart or apart[nearest] > NEAR * face_scale(points):
        return np.full_like(points, np.nan)
    return to_view(others[nearest], _wider(face_view(points, 0)))


def pick(crops: Crops, rows: Sequence[int], balance: float = 0.0) -> Crops:
    """The faces of these rows alone; `balance` as in the recipe."""
    chosen = torch.tensor(rows, dtype=torch.long)
    samples = [crops.samples[row] for row in rows]
    tensors = (crops.pixels, crops.points, crops.units, crops.emotion, crops.pose)
    odds = _odds([sample.faces[0].labels.emotion for sample in samples], balance)
    return Crops(*(tensor[chosen] for tensor in tensors), samples, odds, crops.exact[chosen])


def crop_of(image: Image.Image, points: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    """A face's crop (3, CROP, CROP) uint8 and its points (68, 2) in [0, 1] of the crop."""
    view = _wider(face_view(points, 0))
    pixels = np.asarray(cut(image, view, CROP)).transpose(2, 0, 1).copy()
    return torch.from_numpy(pixels), torch.from_numpy(to_view(points, view))


def _odds(emotions: Sequence[str | None], balance: float) -> np.ndarray:
    count = Counter(emotions)
    weight = np.array([count[emotion] ** -balance for emotion in emotions])
    return np.cumsum(weight) / weight.sum()


def _wider(view: View) -> View:
    side = round(view.side * WIDER)
    shift = (side - view.side) // 2
    return View(view.x - shift, view.y - shift, side, view.faces)


def intensities(labels: dict[int, float] | None) -> list[float]:
    """Of `UNITS`, in their order, 0-5; NaN where unlabelled."""
    return [(labels or {}).get(number, float("nan")) for number in UNITS]


class Drawable(Protocol):
    """Rows with their odds, such as `Crops`."""

    @property
    def odds(self) -> np.ndarray: ...


def draw(
    crops: Sequence[Drawable], weights: Sequence[float], count: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Draw (corpus, row) pairs: the corpus by weight, the row by its odds."""
    share = np.asarray(weights) / sum(weights)
    which = rng.choice(len(crops), size=count, p=share)
    return [(int(c), int(np.searchsorted(crops[c].odds, rng.random(), "right"))) for c in which]
