"""What the steps that look at pictures share: reading one or saying why not, loading a finder."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from data_engine.step import MISSING, UNREADABLE, Item, Reject
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Box, Face, Sample
from facellm.faces import Finder, load_finder, load_image
from facellm.faces.crop import SAME_FACE, Crop, crop_around, overlap
from facellm.faces.mediapipe import MediapipeFinder

FinderName = Literal["builtin", "mediapipe"]


def reject(item: Item, step: str, reason: str, detail: str = "") -> Reject:
    """The item taken out, as it was."""
    kept = item.model_dump(mode="json", exclude_defaults=True)
    return Reject(item_id=item.id, step=step, reason=reason, detail=detail, item=kept)


class Opened(NamedTuple):
    """A sample with its picture."""

    sample: Sample
    image: Image.Image


def opened(
    items: Iterable[Item],
    folder: Path,
    step: str,
    wanted: Callable[[Sample], bool] = lambda sample: True,
) -> Iterator[Opened | Item | Reject]:
    """The samples that are wanted with their pictures; all else is to be passed on as it comes:
    other items, and rejects of samples whose picture cannot be read."""
    for item in items:
        if not isinstance(item, Sample) or not wanted(item):
            yield item
            continue
        image = read_picture(item, folder, step)
        yield image if isinstance(image, Reject) else Opened(item, image)


def read_picture(sample: Sample, folder: Path, step: str) -> Image.Image | Reject:
    """The sample's picture, or the sample rejected as `MISSING` or `UNREADABLE`."""
    try:
        # By its bytes, so that a message names the sample's own path and no folder of a machine.
        return load_image((folder / sample.image).read_bytes())
    except FileNotFoundError:
        return reject(sample, step, MISSING, given(sample.image))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return reject(sample, step, UNREADABLE, f"{given(sample.image)}: {why}")


@cache
def finder_of(name: FinderName, model: Path | None) -> Finder:
    """The finder, loaded once a process.

    Raises:
        FaceLLMError: missing model files or package.
    """
    return load_finder(name, model)


def mediapipe_of(model: Path | None, step: str) -> MediapipeFinder:
    """The mediapipe finder, which alone gives blendshapes.

    Raises:
        FaceLLMError: no model folder, missing files or package.
    """
    if model is None:
        raise FaceLLMError(
            f"{step} reads MediaPipe's blendshapes: set `finder_model` to the folder that "
            "`python -m facellm.faces.download FOLDER` writes"
        )
    finder = finder_of("mediapipe", model)
    assert isinstance(finder, MediapipeFinder), "load_finder answers the name it is given"
    return finder


def area(box: Box) -> float:
    """Square pixels."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def largest(faces: list[Face]) -> Face | None:
    """The face with the largest box, the leftmost of equals; None where there is none."""
    return max(faces, key=lambda face: area(face.box), default=None)


def square_around(face: Face, margin: float, upright: bool = True) -> Crop:
    """The square crop that holds a face.

    Args:
        face: with points, else its box is taken.
        margin: side in units of the square around the points (or of the box's longer side).
        upright: turn the crop so that the eye line is level; needs points.
    """
    if face.points and upright:
        return crop_around(np.array(face.points), margin)
    x0, y0, x1, y1 = face.box
    if face.points:
        points = np.array(face.points)
        (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
    return Crop((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0, 1.0) * margin)


def pair_up(first: list[Box], second: list[Box], least: float = SAME_FACE) -> dict[int, int]:
    """Index in `first` → index in `second` of the same face, the largest overlap first."""
    ranked = sorted(
        ((overlap(a, b), -i, -j) for i, a in enumerate(first) for j, b in enumerate(second)),
        reverse=True,
    )
    pairs: dict[int, int] = {}
    for share, i, j in ranked:
        if share >= least and -i not in pairs and -j not in pairs.values():
            pairs[-i] = -j
    return pairs
