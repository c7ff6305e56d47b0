"""Smooth random fields, cheap enough to draw for every frame."""

import cv2
import numpy as np


def field(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    """One octave of smooth noise (height, width) float32, mean 0 and about unit deviation.

    `cell` is the size of a blob in pixels.
    """
    grid = rng.standard_normal(
        (max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)), dtype=np.float32
    )
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def fractal(
    rng: np.random.Generator, height: int, width: int, cell: float, octaves: int = 3
) -> np.ndarray:
    """Octaves of `field`, each half as large and strong; about unit deviation."""
    total = sum(
        field(rng, height, width, max(1.0, cell / 2**k)) * np.float32(0.5**k)
        for k in range(octaves)
    )
    return np.asarray(total, np.float32)


def streaks(
    rng: np.random.Generator, height: int, width: int, across: float, along: float
) -> np.ndarray:
    """Strands running down the picture, (height, width) float32: hair."""
    rows = max(2, round(height / along) + 1)
    columns = max(2, round(width / across) + 1)
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
