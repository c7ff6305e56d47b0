"""Faces and pictures made of numbers, for tests of the model."""

import numpy as np
from PIL import Image


def face_points(x: float = 0.5, y: float = 0.5, scale: float = 0.15, seed: int = 0) -> np.ndarray:
    """A plausible face (68, 2): jaw below, brows, eyes, nose and mouth in their places.

    `scale` is the inter-ocular distance; (x, y) the middle between the eyes, all in the same units.
    """
    t = np.linspace(0, np.pi, 17)
    jaw = np.stack([-1.2 * np.cos(t), 0.3 + 1.9 * np.sin(t)], 1)
    right_brow = np.stack([np.linspace(-0.95, -0.2, 5), [-0.3, -0.42, -0.45, -0.4, -0.33]], 1)
    left_brow = right_brow[::-1] * [-1, 1]
    bridge = np.stack([np.zeros(4), np.linspace(0, 0.75, 4)], 1)
    nostrils = np.stack([np.linspace(-0.25, 0.25, 5), [0.9, 0.95, 1.0, 0.95, 0.9]], 1)
    angles = np.array([180, 240, 300, 0, 60, 120]) * np.pi / 180
    eye = np.stack([0.18 * np.cos(angles), 0.08 * np.sin(angles)], 1)
    offset = np.array([0.5, 0.0])
    lips = np.linspace(np.pi, 3 * np.pi, 12, endpoint=False)
    mouth = np.stack([0.45 * np.cos(lips), 1.45 + 0.17 * np.sin(lips)], 1)
    inner = np.linspace(np.pi, 3 * np.pi, 8, endpoint=False)
    inside = np.stack([0.3 * np.cos(inner), 1.45 + 0.06 * np.sin(inner)], 1)
    shape = np.concatenate(
        [
            jaw,
            right_brow,
            left_brow,
            bridge,
            nostrils,
            eye - offset,
            eye + offset,
            mouth,
            inside,
        ]
    )
    noise = np.random.default_rng(seed).normal(0, 0.01, shape.shape)
    return ((shape + noise) * scale + [x, y]).astype(np.float32)


def picture(seed: int = 0, width: int = 96, height: int = 80) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)
