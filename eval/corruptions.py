"""Ways to spoil a picture, five severities each, the same spoiling for the same question.

`blur:3` is a Gaussian blur of severity 3; `occlude_mouth:2` covers a region of every face.
Severities follow the idea of ImageNet-C (Hendrycks & Dietterich, 2019), with sizes relative to
the face, so that a picture's resolution does not decide.
"""

import hashlib
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from facellm.core.errors import FaceLLMError, given
from facellm.core.regions import REGIONS, region_polygon
from facellm.core.sample import Face

BLUR = (0.01, 0.02, 0.03, 0.05, 0.08)
"""Standard deviation over the width of the largest face."""
NOISE = (8.0, 16.0, 28.0, 45.0, 70.0)
"""Standard deviation in grey levels of 255."""
JPEG = (50, 30, 18, 10, 5)
"""Quality."""
DARKNESS = (0.7, 0.5, 0.35, 0.22, 0.12)
"""Factor on every grey level."""
RESOLUTION = (96, 64, 48, 32, 20)
"""Pixels that are left across the largest face; a smaller face is left as it is."""
OCCLUSION = (0.5, 0.75, 1.0, 1.3, 1.7)
"""Size of the covered region's outline over its true size."""
FOREHEAD = 0.25
"""Height of the forehead above the brows over that of the face below them."""
AROUND = 1.1
"""Side of the square of a face over its reach."""
KINDS = ("blur", "noise", "jpeg", "darkness", "resolution", *(f"occlude_{r}" for r in REGIONS))


def parse(corruption: str) -> tuple[str, int]:
    """Kind and severity 1-5 of `kind:severity`.

    Raises:
        FaceLLMError: an unknown kind or a severity out of range.
    """
    kind, _, severity = corruption.partition(":")
    if kind not in KINDS or severity not in ("1", "2", "3", "4", "5"):
        raise FaceLLMError(
            f"corruption {given(corruption)} is unknown; expected <kind>:<1-5> with a kind of "
            f"{', '.join(KINDS[:5])} or occlude_<region>"
        )
    return kind, int(severity)


def corrupt(
    image: Image.Image, corruption: str, faces: Sequence[Face] = (), seed: str = ""
) -> Image.Image:
    """The picture spoilt; the size stays, so that boxes and points stay true.

    Args:
        image: RGB.
        corruption: `kind:severity`.
        faces: sizes are relative to the largest; occlusion needs their points.
        seed: equal seeds spoil equally.
    """
    kind, severity = parse(corruption)
    width = max((face.box[2] - face.box[0] for face in faces), default=float(image.width))
    step = severity - 1
    if kind == "blur":
        return image.filter(ImageFilter.GaussianBlur(BLUR[step] * width))
    if kind == "noise":
        digest = hashlib.sha256(seed.encode()).digest()[:8]
        rng = np.random.default_rng(int.from_bytes(digest, "big"))
        grey = np.asarray(image, np.float32)
        noisy = grey + rng.normal(0, NOISE[step], grey.shape)
        return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    if kind == "jpeg":
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=JPEG[step])
        return Image.open(buffer).convert("RGB")
    if kind == "darkness":
        return ImageEnhance.Brightness(image).enhance(DARKNESS[step])
    if kind == "resolution":
        factor = min(1.0, RESOLUTION[step] / width)
        small = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        return image.resize(small, Image.Resampling.BOX).resize(
            image.size, Image.Resampling.BICUBIC
        )
    return _covered(image, kind.removeprefix("occlude_"), OCCLUSION[step], faces)


def face_square(face: Face) -> tuple[float, float, float]:
    """Left, top and side of the square around a face that `hide_tile` cuts into tiles, pixels.

    It holds the points with a margin, forehead included, or the box where there are none.
    """
    x0, y0, x1, y1 = face.box
    if face.points is not None:
        points = np.asarray(face.points, np.float64)
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        y0 -= FOREHEAD * (y1 - y0)
    side = float(max(x1 - x0, y1 - y0)) * AROUND
    return float(x0 + x1 - side) / 2, float(y0 + y1 - side) / 2, side


def hide_tile(image: Image.Image, face: Face, grid: int, tile: int) -> Image.Image:
    """The picture with one of grid × grid tiles over a face in the face's mean colour.

    Args:
        image: RGB.
        face: whose square is cut, see `face_square`.
        grid: tiles along a side.
        tile: from 0, row by row from the top left.
    """
    left, top, side = face_square(face)
    row, column = divmod(tile, grid)
    whole = image.crop((round(left), round(top), round(left + side), round(top + side)))
    colour = tuple(int(value) for value in np.asarray(whole).mean((0, 1)))
    edges = [round(left + side * k / grid) for k in (column, column + 1)]
    rims = [round(top + side * k / grid) for k in (row, row + 1)]
    out = image.copy()
    pen = ImageDraw.Draw(out)
    pen.rectangle((edges[0], rims[0], edges[1] - 1, rims[1] - 1), fill=colour)
    return out


def _covered(image: Image.Image, region: str, size: float, faces: Sequence[Face]) -> Image.Image:
    out = image.copy()
    pen = ImageDraw.Draw(out)
    for face in faces:
        if face.points is None:
            raise FaceLLMError(f"occlude_{region} needs landmarks, and a face has none")
        points = np.asarray(face.points, np.float64)
        outline = region_polygon(region, points)
        if region == "jaw":  # its outline is open: cover the lower face it runs around
            outline = np.concatenate([outline, points[[16, 0]] * 0.3 + outline[8] * 0.7])
        centre = outline.mean(0)
        grown = centre + size * 1.15 * (outline - centre)
        pen.polygon([tuple(p) for p in _hull(grown)], fill=(110, 110, 110))
    return out


def _hull(points: np.ndarray) -> np.ndarray:
    import cv2

    return np.asarray(cv2.convexHull(points.astype(np.float32)))[:, 0]
