"""Pictures of several faces, made from the one photograph of the fixtures."""

import numpy as np
from PIL import Image

HEAD = (150, 0, 300, 190)
"""The astronaut's head with its hair in her photograph, x0, y0, x1, y1."""
FACE_WIDTH = 92.0
"""Width of her face there, pixels, ear to ear."""


def head_of_width(astronaut: Image.Image, width: float, turn: float = 0.0) -> Image.Image:
    """The astronaut's head scaled until her face is `width` pixels wide, turned by degrees."""
    head = astronaut.crop(HEAD).convert("RGBA")
    scale = width / FACE_WIDTH
    size = (round(head.width * scale), round(head.height * scale))
    return head.resize(size, Image.Resampling.LANCZOS).rotate(turn, expand=True)


def with_heads(
    background: Image.Image, heads: list[tuple[Image.Image, tuple[int, int]]]
) -> Image.Image:
    """Lay heads onto a copy of the background at their upper left corners."""
    picture = background.copy()
    for head, corner in heads:
        picture.paste(head, corner, head)
    return picture


def centre_x(box: tuple[float, float, float, float]) -> float:
    return (box[0] + box[2]) / 2


def as_array(points: list[tuple[float, float]] | None) -> np.ndarray:
    return np.array(points)
