"""What a finder is: a picture in, its faces out, from left to right.

    finder = load_finder()                 # small network shipped with the package
    finder = load_finder("mediapipe", Path("models"))
    faces = finder.find(load_image("photo.jpg"))

Finders may be called from several threads. Their libraries are imported when one is loaded, never
when this package is.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from PIL import Image

from facellm.core.errors import FaceLLMError, given
from facellm.core.regions import Points, check_points
from facellm.core.sample import Box, Face

FINDERS = ("builtin", "mediapipe")


@runtime_checkable
class Finder(Protocol):
    """Anything that finds faces in a picture."""

    name: str

    def find(self, image: Image.Image) -> list[Face]:
        """Find the faces of an RGB picture, left to right; an empty list when there are none.

        Boxes and the 68 points are pixels of `image`; points may lie outside it at its border.
        """
        ...


def load_finder(name: str = "builtin", model: Path | None = None) -> Finder:
    """Load a finder by name.

    Args:
        name: `builtin` (needs nothing) or `mediapipe` (needs its model files).
        model: `mediapipe`: a folder with the model files or the `.task` file alone;
            `builtin`: weights to use instead of the shipped ones.

    Raises:
        FaceLLMError: an unknown name, missing model files or a missing package.
    """
    if name == "builtin":
        from facellm.faces.builtin import BuiltinFinder

        return BuiltinFinder(model)
    if name == "mediapipe":
        from facellm.faces.mediapipe import MediapipeFinder

        return MediapipeFinder.from_folder(model)
    raise FaceLLMError(f"no finder {given(name)}; known: {', '.join(FINDERS)}")


class GivenFinder:
    """Answers with faces that are known already, whatever the picture."""

    name = "given"

    def __init__(self, points: Iterable[Points] = (), boxes: Sequence[Box] | None = None) -> None:
        """Keep the faces.

        Args:
            points: 68 x, y pixels a face, (68, 2) each; none at all means a picture without faces.
            boxes: x0, y0, x1, y1 a face; left out, the smallest boxes that hold the points.

        Raises:
            FaceLLMError: points of another shape, or not one box a face.
        """
        checked = [check_points(face) for face in points]
        if boxes is None:
            boxes = [box_around(face) for face in checked]
        if len(boxes) != len(checked):
            raise FaceLLMError(f"{len(boxes)} boxes for {len(checked)} faces; expected one each")
        pairs = zip(checked, boxes, strict=True)
        self._faces = left_to_right(make_face(face, box) for face, box in pairs)

    def find(self, image: Image.Image) -> list[Face]:
        return list(self._faces)


def left_to_right(faces: Iterable[Face]) -> list[Face]:
    """Sort by the centre of the box, so that "face 1" is the leftmost for everybody."""
    return sorted(faces, key=lambda face: (face.box[0] + face.box[2], face.box[1] + face.box[3]))


def box_around(points: Points) -> Box:
    """The smallest box that holds the points."""
    (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
    return (x0, y0, x1, y1)


def make_face(points: Points, box: Iterable[float], confidence: float = 1.0) -> Face:
    """Build the record from arrays, with plain floats so that it serialises."""
    x0, y0, x1, y1 = (float(value) for value in box)
    pairs = [(float(x), float(y)) for x, y in points]
    return Face(box=(x0, y0, x1, y1), points=pairs, confidence=min(1.0, max(0.0, confidence)))
