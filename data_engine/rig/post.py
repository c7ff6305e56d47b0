"""From clean render to photograph: lens, sensor, film and compression."""

import io

import cv2
import numpy as np
from PIL import Image


def photograph(rng: np.random.Generator, image: np.ndarray, grey: bool) -> np.ndarray:
    """Degrade display values (H, W, 3) in [0, 1] to uint8 (H, W, 3) the way cameras do."""
    out = image
    if rng.random() < 0.35:
        out = _resample(rng, out)
    if rng.random() < 0.5:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 0.9)))
    out = out * rng.uniform(0.88, 1.1) + rng.normal(0, 0.02)
    contrast = rng.uniform(0.8, 1.3)
    out = np.clip(0.5 + (out - 0.5) * contrast, 0, 1) ** rng.uniform(0.8, 1.25)
    if grey:
        weights = np.array((0.299, 0.587, 0.114)) + rng.normal(0, 0.06, 3)
        out = np.repeat((out @ (weights / weights.sum()))[:, :, None], 3, axis=2)
    else:
        out = out * (1 + rng.normal(0, 0.04, 3))
        mean = out.mean(2, keepdims=True)
        out = mean + (out - mean) * rng.uniform(0.5, 1.2)
    out = _grain(rng, out.astype(np.float32), grey)
    pixels = (np.clip(out, 0, 1) * 255 + 0.5).astype(np.uint8)
    if rng.random() < 0.5:
        pixels = _jpeg(pixels, int(rng.integers(35, 92)))
    return pixels


def _resample(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Shrink and enlarge again: small faces in large pictures look like this."""
    height, width = image.shape[:2]
    scale = rng.uniform(0.4, 0.85)
    small = cv2.resize(
        image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _grain(rng: np.random.Generator, image: np.ndarray, grey: bool) -> np.ndarray:
    sigma = rng.gamma(1.2, 0.009)
    height, width = image.shape[:2]
    noise = rng.standard_normal((height, width, 1 if grey else 3), dtype=np.float32)
    if rng.random() < 0.5:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.6).reshape(height, width, -1) * 1.6
    return image + sigma * noise


def _jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))
