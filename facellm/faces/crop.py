"""Square crops that follow a face's place, size and tilt, and the way back to the picture."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from facellm.core.regions import Points, face_scale, region_polygon
from facellm.core.sample import Box

SAME_FACE = 0.35
"""A found face answers a labelled one when their boxes overlap at least this much (IoU)."""


class Crop(NamedTuple):
    """A square of the picture, turned by `angle` so that the face stands upright in it."""

    x: float
    """Centre, pixels of the picture."""
    y: float
    side: float
    """Pixels of the picture along one edge."""
    angle: float = 0.0
    """Radians, positive for a face turned clockwise in the picture."""

    def matrix(self, size: int) -> Points:
        """The affine map (2, 3) from the picture's pixels to those of the `size` × `size` crop."""
        scale = size / self.side
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        half = size / 2
        return np.array(
            [
                [cos, sin, half - cos * self.x - sin * self.y],
                [-sin, cos, half + sin * self.x - cos * self.y],
            ]
        )

    def cut(self, image: np.ndarray, size: int) -> np.ndarray:
        """Resample the crop to (size, size, 3); beyond the border the picture's edge repeats."""
        # An area filter for strong reductions: sampling alone would alias a large face.
        shrink = self.side / size
        if shrink > 2:
            image, moved = self._reduced(image, shrink)
            return moved.cut(image, size)
        return cv2.warpAffine(
            image, self.matrix(size), (size, size),
            flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip

    def _reduced(self, image: np.ndarray, shrink: float) -> tuple[np.ndarray, "Crop"]:
        """Scale down the part that the crop covers, and place the crop in it."""
        reach = self.side * 0.75  # more than half the diagonal: holds at any angle
        x0, y0 = max(0, int(self.x - reach)), max(0, int(self.y - reach))
        part = image[y0 : int(self.y + reach) + 1, x0 : int(self.x + reach) + 1]
        if min(part.shape[:2]) < 2:  # the crop lies beside the picture
            part, x0, y0 = image, 0, 0
        height, width = part.shape[:2]
        size = max(1, round(width / shrink)), max(1, round(height / shrink))
        fx, fy = size[0] / width, size[1] / height
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        # fx and fy differ by less than a pixel over the part; one scale serves both.
        return small, Crop((self.x - x0) * fx, (self.y - y0) * fy, self.side * fx, self.angle)

    def to_picture(self, points: Points, size: int) -> Points:
        """Map points (..., 2) of the `size` × `size` crop back to the picture."""
        inverse = cv2.invertAffineTransform(self.matrix(size))
        return points @ inverse[:, :2].T + inverse[:, 2]

    def to_crop(self, points: Points, size: int) -> Points:
        """Map points (..., 2) of the picture into the `size` × `size` crop."""
        matrix = self.matrix(size)
        return points @ matrix[:, :2].T + matrix[:, 2]


def box_of(points: Points) -> Box:
    """The face's box: what holds the 68 points and the forehead over the brows.

    One definition for all finders, so that boxes can be compared and learnt.
    """
    every = np.concatenate([points, region_polygon("forehead", points)])
    (x0, y0), (x1, y1) = every.min(0).tolist(), every.max(0).tolist()
    return (x0, y0, x1, y1)


def roll_of(points: Points) -> float:
    """The tilt of the eye line in radians, positive for a face turned clockwise in the picture."""
    across = points[42:48].mean(0) - points[36:42].mean(0)
    return math.atan2(float(across[1]), float(across[0]))


def most_central(boxes: Sequence[Box], size: tuple[int, int]) -> int | None:
    """Index of the box nearest the middle of a picture of `size` (width, height)."""

    def offset(n: int) -> float:
        x0, y0, x1, y1 = boxes[n]
        return abs((x0 + x1) / 2 - size[0] / 2) + abs((y0 + y1) / 2 - size[1] / 2)

    return min(range(len(boxes)), key=offset, default=None)


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    shared = _shared(first, second)
    both = _area(first) + _area(second)
    return shared / (both - shared) if both > shared else 0.0


def covered(first: Box, second: Box) -> float:
    """The share of the smaller box that the other one covers."""
    smaller = min(_area(first), _area(second))
    return _shared(first, second) / smaller if smaller > 0 else 0.0


def _shared(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0.0, width) * max(0.0, height)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def pixels(image: Image.Image) -> np.ndarray:
    """The picture as contiguous uint8 (H, W, 3) RGB."""
    return np.ascontiguousarray(np.asarray(image.convert("RGB")))


def crop_around(points: Points, widen: float) -> Crop:
    """The upright square around 68 points, `widen` times as wide as the points reach."""
    angle = roll_of(points)
    upright = Crop(0.0, 0.0, 1.0, angle).to_crop(points, 1)
    low, high = upright.min(0), upright.max(0)
    side = max(float((high - low).max()), 1e-3, 1.5 * face_scale(points)) * widen
    (x, y) = Crop(0.0, 0.0, 1.0, angle).to_picture((low + high) / 2, 1)
    return Crop(float(x), float(y), side, angle)
