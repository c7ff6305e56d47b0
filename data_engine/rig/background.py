"""What stands behind the head: from plain studio paper to a blurred room."""

import cv2
import numpy as np

from data_engine.rig.noise import fractal

KINDS = ("plain", "gradient", "blur", "shapes", "noise")


def background(
    rng: np.random.Generator, kind: str, size: int, clothes: np.ndarray, neck: np.ndarray
) -> np.ndarray:
    """Paint (size, size, 3) float32 display values in [0, 1], sometimes with shoulders.

    `clothes` is a display colour (3,); `neck` the pixel (x, y) where the neck leaves the head.
    """
    out = _fill(rng, kind, size)
    if rng.random() < 0.75:
        _shoulders(rng, out, clothes, neck)
    return np.clip(out, 0, 1)


def _fill(rng: np.random.Generator, kind: str, size: int) -> np.ndarray:
    base = rng.uniform(0.03, 0.97) + rng.normal(0, 0.05, 3)
    out = np.empty((size, size, 3), np.float32)
    out[:] = base
    if kind == "gradient":
        angle = rng.uniform(0, 2 * np.pi)
        yy, xx = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
        ramp = np.cos(angle) * xx + np.sin(angle) * yy
        out += ramp[:, :, None] * (rng.normal(0, 0.3) + rng.normal(0, 0.1, 3)).astype(np.float32)
    elif kind == "noise":
        for k in range(3):
            out[:, :, k] += 0.05 * fractal(rng, size, size, size / rng.uniform(2, 8), 3)
        out += 0.1 * fractal(rng, size, size, size / rng.uniform(2, 12), 4)[:, :, None]
    elif kind in ("blur", "shapes"):
        for _ in range(int(rng.integers(4, 14))):
            _shape(rng, out, size)
        if kind == "blur":
            out = cv2.GaussianBlur(out, (0, 0), size * rng.uniform(0.01, 0.06))
    return out


def _shape(rng: np.random.Generator, out: np.ndarray, size: int) -> None:
    colour = np.clip(out.mean((0, 1)) + rng.normal(0, 0.2) + rng.normal(0, 0.08, 3), 0, 1).tolist()
    x, y, w, h = (int(v) for v in rng.uniform(-0.2, 1.0, 4) * size)
    if rng.random() < 0.5:
        cv2.rectangle(out, (x, y), (x + abs(w), y + abs(h)), colour, -1)
    else:
        axes = (abs(w) // 2 + 2, abs(h) // 2 + 2)
        cv2.ellipse(out, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)


def _shoulders(
    rng: np.random.Generator, out: np.ndarray, clothes: np.ndarray, neck: np.ndarray
) -> None:
    """A dark silhouette of clothes under the neck; the head is composited over it."""
    size = len(out)
    x, y = (float(v) for v in neck)
    wide, tall = size * rng.uniform(0.45, 0.75), size * rng.uniform(0.3, 0.6)
    mask = np.zeros((size, size), np.float32)
    centre = (int(x), int(y + 0.75 * tall))
    cv2.ellipse(mask, centre, (int(wide), int(tall)), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    folds = 1 + 0.15 * fractal(rng, size, size, size / 6, 3)
    out += mask[:, :, None] * (clothes * folds[:, :, None] - out)
