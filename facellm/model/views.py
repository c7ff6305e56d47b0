"""From a picture and its faces to the square views the vision tower sees."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facellm.core.regions import check_points
from facellm.model.configuration import Views

FACE_SIDE = 1.5
"""Side of a face view over the longer side of its points' bounding box: brows to chin, plus
forehead and a margin."""
FACE_RISE = 0.10
"""How far a face view's centre lies over the points' centre, in view sides: for the forehead."""


class View(NamedTuple):
    """One square crop: its corner and side in picture pixels, and whose face it shows."""

    x: int
    y: int
    side: int
    faces: tuple[int, ...]
    """Indices of the picture's faces that this view carries landmarks of."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 in picture pixels; may reach outside the picture."""
        return self.x, self.y, self.x + self.side, self.y + self.side


def face_view(points: NDArray[np.float32], index: int) -> View:
    """The square around one face's 68 points (68, 2), forehead included."""
    low, high = points.min(0), points.max(0)
    side = max(8, round(float((high - low).max()) * FACE_SIDE))
    x, y = (low + high) / 2 - side / 2
    return View(round(float(x)), round(float(y) - FACE_RISE * side), side, (index,))


def picture_view(width: int, height: int, faces: int) -> View:
    """The smallest centred square that holds the whole picture."""
    side = max(width, height)
    return View((width - side) // 2, (height - side) // 2, side, tuple(range(faces)))


def plan_views(width: int, height: int, points: NDArray[np.float32], views: Views) -> list[View]:
    """The views of a picture with faces at `points` (F, 68, 2).

    `face`: one a face, so that each is seen at full resolution however small it stands in the
    picture; `picture`: the whole picture once. A picture without faces is always seen whole. A
    face whose points are NaN is not in this picture and keeps its index.
    """
    there = tuple(index for index, p in enumerate(points) if not np.isnan(p).all())
    if views == "picture" or not there:
        return [picture_view(width, height, 0)._replace(faces=there)]
    return [face_view(check_points(points[index]), index) for index in there]


def cut(image: Image.Image, view: View, size: int) -> Image.Image:
    """The view as a size × size picture; what lies outside the original is black."""
    return image.crop(view.box).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)


def to_view(points: NDArray[np.float32], view: View) -> NDArray[np.float32]:
    """Picture pixels (…, 2) to view units, [0, 1] inside the view."""
    return (points - np.float32([view.x, view.y])) / np.float32(view.side)
