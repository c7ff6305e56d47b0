"""How good the picture of each face is: size, sharpness, exposure, pose, and what hides it.

    quality = geometric mean of six parts, each in [0, 1]
        size      inter-ocular distance / 40 px
        sharp     log-scaled variance of the Laplacian in an upright 128-pixel crop: 3 → 0, 50 → 1
        exposure  (1 - 2 · share of pixels near black or white) · min(1, grey range / 60)
        pose      1 up to 0.3 rad of pitch or yaw, 0 from 1.2 rad
        whole     share of the 68 points that lie in the picture and, where known, are seen
        open      1 down to 0.5 as one skin patch departs from the others: a guess at something over
                  the face

Of 400 press photographs half pass 50 in sharpness; blurred by a fifteenth of the inter-ocular
distance they fall to 3.4. Noise and heavy compression count as sharp. The guess of `open` is weak
(AUC 0.76 against large pasted patches; light from one side misleads it), hence its floor.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from pydantic import Field

from data_engine.step import Item, Reject, Step
from data_engine.steps.pictures import Opened, largest, opened, reject, square_around
from facellm.core.regions import Points, face_scale, region_polygon
from facellm.core.sample import Face, Sample
from facellm.faces.crop import pixels

SIDE = 128
GOOD_EYES = 40.0
BLURRED, SHARP = 3.0, 50.0
BLACK, WHITE, GOOD_RANGE = 5, 250, 60.0
FRONTAL, PROFILE = 0.3, 1.2
YAW_OF_NOSE = -0.52
"""Radians of yaw for the nose tip at the jaw's edge, fitted on rendered faces (r = -0.98)."""
SKIN = (
    "forehead", "glabella", "nose", "right_cheek", "left_cheek",
    "right_nasolabial", "left_nasolabial", "chin",
)  # fmt: skip
ALIKE, FOREIGN = 1.0, 2.5
"""A patch's median grey off the others', in standard deviations of the face."""


class Parts(NamedTuple):
    """What the quality is made of, each in [0, 1]."""

    size: float
    sharp: float
    exposure: float
    pose: float
    whole: float
    open: float

    @property
    def quality(self) -> float:
        return round(math.prod(self) ** (1 / len(self)), 4)


class Quality(Step):
    """Fill `labels.quality`, marked weak; clips and rows pass as they are.

    A quality that a source stated stays. A face without points stays unlabelled. Rejects:
    `missing_file`, `unreadable_file`; `low_quality` where the largest face is below `minimum` (its
    detail names the weakest part); with a minimum, `no_quality` for a sample whose largest face has
    none.
    """

    name: ClassVar[str] = "quality"

    minimum: float = Field(default=0.0, ge=0, le=1)
    """Reject below this; 0 only labels."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        for one in opened(items, folder, self.name):
            if not isinstance(one, Opened):
                yield one
                continue
            array, sample = pixels(one.image), one.sample
            judged = [judge(array, face) for face in sample.faces]
            pairs = zip(sample.faces, judged, strict=True)
            rated = sample.model_copy(update={"faces": [_rated(f, parts) for f, parts in pairs]})
            yield self._passed(rated, judged)

    def _passed(self, sample: Sample, judged: list[Parts | None]) -> Sample | Reject:
        face = largest(sample.faces)
        if not self.minimum:
            return sample
        if face is None or face.labels.quality is None:
            return reject(sample, self.name, "no_quality", "needs a face with points")
        if face.labels.quality >= self.minimum:
            return sample
        parts = judged[sample.faces.index(face)]
        weakest = "stated by the source"
        if parts is not None and "quality" in face.labels.weak:
            name, value = min(parts._asdict().items(), key=lambda part: part[1])
            weakest = f"{name} {value:.2f}"
        detail = f"{face.labels.quality:.2f} < {self.minimum:g}; {weakest}"
        return reject(sample, self.name, "low_quality", detail)


def _rated(face: Face, parts: Parts | None) -> Face:
    if parts is None or face.labels.quality is not None:
        return face
    weak = face.labels.weak | {"quality"}
    labels = face.labels.model_copy(update={"quality": parts.quality, "weak": weak})
    return face.model_copy(update={"labels": labels})


def judge(array: np.ndarray, face: Face) -> Parts | None:
    """Rate a face of a picture (H, W, 3) uint8; None without points."""
    if not face.points:
        return None
    points = np.array(face.points)
    crop = square_around(face, 1.1)
    grey = cv2.cvtColor(crop.cut(array, SIDE), cv2.COLOR_RGB2GRAY)
    inside = crop.to_crop(points, SIDE)
    mask = _filled(inside)
    yaw = YAW_OF_NOSE * _nose_offset(inside)
    pitch, yaw = face.labels.pose[:2] if face.labels.pose else (0.0, yaw)
    seen = ((points >= 0) & (points < array.shape[1::-1])).all(1)
    if face.visible:
        seen &= np.array(face.visible)
    return Parts(
        size=min(1.0, face_scale(points) / GOOD_EYES),
        sharp=_sharp(grey, mask),
        exposure=_exposure(grey[mask]),
        pose=1 - _ramp(max(abs(pitch), abs(yaw)), FRONTAL, PROFILE),
        whole=float(seen.mean()),
        open=1 - 0.5 * _ramp(_foreign(grey, inside, mask), ALIKE, FOREIGN),
    )


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _filled(outline: Points) -> np.ndarray:
    """Boolean (SIDE, SIDE) of the convex hull; all of it where the hull lies outside."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(outline.round().astype(np.int32)), 1)
    return mask > 0 if mask.any() else np.ones((SIDE, SIDE), bool)


def _sharp(grey: np.ndarray, mask: np.ndarray) -> float:
    variance = float(cv2.Laplacian(grey, cv2.CV_64F)[mask].var())
    return _ramp(math.log(max(variance, 1e-6)), math.log(BLURRED), math.log(SHARP))


def _exposure(values: np.ndarray) -> float:
    clipped = float(((values <= BLACK) | (values >= WHITE)).mean())
    low, high = np.percentile(values, [5, 95])
    return max(0.0, 1 - 2 * clipped) * min(1.0, float(high - low) / GOOD_RANGE)


def _nose_offset(upright: Points) -> float:
    """Where the nose tip is between the jaw's ends: 0 in the middle, ±1 at the left/right end."""
    right, nose, left = upright[0, 0], upright[30, 0], upright[16, 0]
    return float(np.clip((2 * nose - right - left) / max(left - right, 1e-6), -2, 2))


def _foreign(grey: np.ndarray, upright: Points, mask: np.ndarray) -> float:
    medians = [np.median(grey[_filled(region_polygon(name, upright))]) for name in SKIN]
    apart = np.abs(np.array(medians) - np.median(medians)).max()
    return float(apart / max(grey[mask].std(), 1.0))
