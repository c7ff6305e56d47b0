"""Faces that a client names: checked, and completed where it gave a box alone."""

from collections.abc import Sequence

from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.regions import check_points
from facellm.core.sample import Box, Face, Point
from facellm.faces import Finder
from facellm.faces.crop import overlap
from facellm.faces.finder import left_to_right, make_face
from serve.schemas import GivenFace

SMALLEST = 4.0
"""Pixels along the shorter side of a face."""
AROUND = 0.5
"""Of a box's longer side, shown to the finder on each side of it."""
SAME = 0.25
"""How much a found face must overlap the box it is taken for (IoU)."""


def named_faces(image: Image.Image, given: Sequence[GivenFace], finder: Finder) -> list[Face]:
    """The faces as records, from left to right.

    Args:
        image: upright.
        given: each with points, a box or both.
        finder: looks for the points of those with a box alone.

    Raises:
        FaceLLMError: a face without either, outside the picture, without extent, or not found in
            its box; named by its number in the request, from 1.
    """
    faces = [_named(image, face, number, finder) for number, face in enumerate(given, 1)]
    return left_to_right(faces)


def _named(image: Image.Image, face: GivenFace, number: int, finder: Finder) -> Face:
    if face.points is not None:
        xs, ys = [x for x, _ in face.points], [y for _, y in face.points]
        around = (min(xs), min(ys), max(xs), max(ys))
        _check(image, around, f"the points of face {number}")
        if face.box is not None:
            _check(image, face.box, f"the box of face {number}")
        return make_face(check_points(face.points), face.box or around)
    if face.box is None:
        raise FaceLLMError(f"face {number} has neither points nor a box; give one of them")
    _check(image, face.box, f"the box of face {number}")
    points = _points_in(image, face.box, finder)
    if points is None:
        raise FaceLLMError(f"no face was found in the box of face {number}; give its points")
    return Face(box=face.box, points=points)


def _check(image: Image.Image, box: Box, name: str) -> None:
    x0, y0, x1, y1 = box
    width, height = image.size
    # A comparison with NaN is false, so this refuses it too.
    if not (x1 - x0 >= SMALLEST and y1 - y0 >= SMALLEST):
        raise FaceLLMError(f"{name} has no extent; expected x0, y0, x1, y1 in pixels, left first")
    inside = x0 < width and y0 < height and x1 > 0 and y1 > 0
    near = x0 >= -width and y0 >= -height and x1 <= 2 * width and y1 <= 2 * height
    if not (inside and near):
        raise FaceLLMError(f"{name} lies outside the picture of {width} × {height} pixels")


def _points_in(image: Image.Image, box: Box, finder: Finder) -> list[Point] | None:
    """The 68 points of the face that fits a box best."""
    margin = AROUND * max(box[2] - box[0], box[3] - box[1])
    left, top = max(0, int(box[0] - margin)), max(0, int(box[1] - margin))
    right, bottom = int(min(image.width, box[2] + margin)), int(min(image.height, box[3] + margin))
    found = finder.find(image.crop((left, top, right, bottom)))
    here = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    best = max(found, key=lambda face: overlap(face.box, here), default=None)
    if best is None or best.points is None or overlap(best.box, here) < SAME:
        return None
    return [(x + left, y + top) for x, y in best.points]
