"""The picture itself with its faces marked: box, 68 points and a label each."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from facellm.core.report import FaceReading
from facellm.draw.overlay import Overlay
from facellm.draw.style import CARD, Pen, face_colour, width_of

Rectangle = tuple[float, float, float, float]
MOST_ENLARGED = 8.0
"""Tiny pictures grow so that the marks have room, but not beyond all recognition."""


def marked(image: Image.Image, faces: Sequence[FaceReading], room: tuple[int, int]) -> Image.Image:
    """The picture scaled to fit into `room` (width, height), with every face marked."""
    scale = min(room[0] / image.width, room[1] / image.height, MOST_ENLARGED)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    reducing = 3.0 if scale < 1 else None
    shown = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=reducing)
    layer = Overlay(size, scale)
    for face in faces:
        height = (face.box[3] - face.box[1]) * scale
        layer.box(face.box, face_colour(face.index), min(3.0, max(1.2, height / 90)))
        if face.points:
            radius = min(2.4, max(0.5, height / 160))
            layer.points(np.array(face.points), face_colour(face.index), radius)
    shown = layer.onto(shown)
    boxes = {face.index: _scaled(face.box, scale) for face in faces}
    labels: list[Rectangle] = []
    for face in faces:
        others = [box for index, box in boxes.items() if index != face.index]
        labels.append(_label(Pen(shown), face, boxes[face.index], others + labels))
    return shown


def _scaled(box: Rectangle, scale: float) -> Rectangle:
    x0, y0, x1, y1 = (v * scale for v in box)
    return x0, y0, x1, y1


def _label(pen: Pen, face: FaceReading, box: Rectangle, taken: Sequence[Rectangle]) -> Rectangle:
    """`2 happiness 87%` over the box, `2` alone where that would cover another face."""
    share = face.expression.probabilities.get(face.expression.label, 0)
    size = 16 if box[3] - box[1] > 60 else 13
    texts = (f"{face.index}  {face.expression.label} {share:.0%}", str(face.index))
    text, place = texts[1], _place(pen.image, box, texts[1], size)
    long = _place(pen.image, box, texts[0], size)
    if not any(_meet(long, other) for other in taken):
        text, place = texts[0], long
    pen.draw.rounded_rectangle(place, 5, fill=face_colour(face.index))
    pen.text((place[0] + 6, (place[1] + place[3]) / 2), text, size, CARD, "lm")
    return place


def _place(image: Image.Image, box: Rectangle, text: str, size: int) -> Rectangle:
    """Over the box, or on its upper edge at the picture's top; always inside the picture."""
    width, height = width_of(text, size) + 12, size + 8
    left = min(max(0.0, box[0]), max(0.0, image.width - width))
    top = box[1] - height - 2
    if top < 0:
        top = min(max(0.0, box[1]), max(0.0, image.height - height))
    return left, top, left + width, top + height


def _meet(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
