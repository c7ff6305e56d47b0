"""What is not a face: backgrounds, drawn clutter, and what cameras do to a picture."""

from pathlib import Path

import cv2
import numpy as np

from facellm.core.errors import FaceLLMError, given
from facellm.faces.crop import Crop
from facellm.faces.image import load_image

LONGEST = 512


def read_negatives(folder: Path) -> list[np.ndarray]:
    """Read pictures without faces as grey (H, W), long side at most `LONGEST`."""
    if not folder.is_dir():
        raise FaceLLMError(f"no such folder: {given(folder)}; expected pictures without faces")
    greys = []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        image = load_image(path).convert("L")
        image.thumbnail((LONGEST, LONGEST))
        greys.append(np.asarray(image))
    if not greys:
        raise FaceLLMError(f"no pictures in {given(folder)}")
    return greys


def patch(
    negatives: list[np.ndarray], shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """A random part (H, W) of a faceless picture, at a random size, tilt and contrast."""
    source = negatives[rng.integers(len(negatives))]
    longest = max(shape)
    x, y = float(rng.uniform(0, source.shape[1])), float(rng.uniform(0, source.shape[0]))
    side = max(source.shape) / float(np.exp(rng.uniform(np.log(0.4), np.log(3.0))))
    matrix = Crop(x, y, side, float(rng.uniform(-np.pi, np.pi))).matrix(longest)
    cut = cv2.warpAffine(source, matrix, shape[::-1], borderMode=cv2.BORDER_REFLECT_101)
    return 255 - cut if rng.random() < 0.2 else cut


def clutter(negatives: list[np.ndarray], size: int, rng: np.random.Generator) -> np.ndarray:
    """A square grey background: a picture, a gradient or noise, with shapes drawn over it."""
    kind = rng.random()
    if kind < 0.6:
        canvas = patch(negatives, (size, size), rng)
    elif kind < 0.85:
        ends = rng.uniform(0, 255, (2, 2)).astype(np.float32)
        canvas = cv2.resize(ends, (size, size), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    else:
        # Unequal grain makes streaks, such as those of grass, hair and cloth.
        grains = rng.integers(4, size // 2, 2)
        noise = rng.uniform(0, 255, grains).astype(np.float32)
        canvas = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
        canvas = patch([canvas.clip(0, 255).astype(np.uint8)], (size, size), rng)
    canvas = np.ascontiguousarray(canvas)
    for _ in range(int(rng.integers(0, 14)) if rng.random() < 0.6 else 0):
        _shape(canvas, rng)
    return canvas


def _shape(canvas: np.ndarray, rng: np.random.Generator) -> None:
    size = canvas.shape[0]
    x, y, u, v = (int(value) for value in rng.integers(-size // 4, size + size // 4, 4))
    tone, thick = int(rng.integers(0, 256)), int(rng.integers(1, 6))
    kind = rng.integers(5)
    if kind == 0:
        cv2.rectangle(canvas, (x, y), (u, v), tone, thick if rng.random() < 0.5 else -1)
    elif kind == 1:
        cv2.line(canvas, (x, y), (u, v), tone, thick)
    elif kind == 2:
        cv2.circle(canvas, (x, y), int(rng.integers(2, size // 4)), tone, -1)
    elif kind == 3:
        axes = (int(rng.integers(2, size // 4)), int(rng.integers(2, size // 4)))
        cv2.ellipse(canvas, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, tone, -1)
    else:
        letters = "".join(chr(c) for c in rng.integers(33, 126, 6))
        cv2.putText(canvas, letters, (x, y), int(rng.integers(0, 8)),
                    float(rng.uniform(0.3, 2.0)), tone, thick)  # fmt: skip


def degrade(grey: np.ndarray, rng: np.random.Generator, least: float = 0.3) -> np.ndarray:
    """Light from a side, contrast, gamma, blur, low resolution, noise, few greys and JPEG.

    Each sometimes. `least` is the share of its resolution that a picture may be left with.
    """
    size = grey.shape[0]
    image: np.ndarray = grey.astype(np.float32) / 255
    if rng.random() < 0.3:
        corners = rng.uniform(0.5, 1.2, (2, 2)).astype(np.float32)
        image *= cv2.resize(corners, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.7:
        image = image.clip(0, 1) ** float(np.exp(rng.normal(0, 0.25)))
        image = (image - 0.5) * rng.uniform(0.45, 1.3) + rng.uniform(0.4, 0.6)
    kind = rng.random()
    if kind < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 0.006 * size + 0.6)))
    elif kind < 0.5:
        small = max(8, int(size * rng.uniform(least, 0.8)))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.3:  # as old cameras and smoothing filters leave it
            image = _smoothed(image, rng)
        image = cv2.resize(image, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.4:
        image = image + rng.standard_normal(image.shape, np.float32) * rng.uniform(0.0, 0.06)
    result = (image.clip(0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))]
        stored = cv2.imencode(".jpg", result, quality)[1]
        return np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE))
    return result


def _smoothed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flat areas with hard edges, in few greys."""
    greys = int(rng.integers(6, 33))
    image = cv2.bilateralFilter(image.astype(np.float32), 5, float(rng.uniform(0.05, 0.2)), 2.0)
    return np.round(image * greys) / greys
