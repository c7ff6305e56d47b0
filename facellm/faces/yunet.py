"""YuNet through OpenCV: face boxes with five points, at several sizes of the picture."""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facellm.core.errors import FaceLLMError, given
from facellm.core.regions import Points
from facellm.core.sample import Box
from facellm.faces.crop import overlap
from facellm.faces.quiet import quiet_stderr

LONG_SIDES = (320, 960)
"""The picture is searched at both: large faces show at the first, small ones at the second."""
MIN_SCORE = 0.6
SAME_FACE = 0.4
"""Boxes of two sizes that overlap more than this are one face."""


@dataclass(frozen=True)
class Found:
    """A face as YuNet reports it, in pixels of the picture."""

    box: Box
    points: Points
    """Right eye, left eye, nose tip, right and left mouth corner (the subject's), (5, 2)."""
    confidence: float

    @property
    def centre(self) -> tuple[float, float]:
        return ((self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2)

    @property
    def size(self) -> float:
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def roll(self) -> float:
        """Tilt of the eye line, radians; 0 for a profile, whose eyes are too close to tell."""
        across = self.points[1] - self.points[0]
        if np.linalg.norm(across) < 0.15 * self.size:
            return 0.0
        return math.atan2(float(across[1]), float(across[0]))

    def owns(self, points: Points) -> bool:
        """Whether 68 points lie on this face rather than on a neighbour in the same crop."""
        middle = points[17:].mean(0)
        apart = float(np.hypot(middle[0] - self.centre[0], middle[1] - self.centre[1]))
        width = float(np.ptp(points, axis=0).max())
        return apart < 0.4 * self.size and 0.5 < width / self.size < 2.0


class YuNet:
    """OpenCV's detector; it keeps the size of the picture between calls, so threads take turns."""

    def __init__(self, model: Path) -> None:
        """Load the `.onnx` file.

        Raises:
            FaceLLMError: a missing file or one that OpenCV cannot read.
        """
        if not model.is_file():
            raise FaceLLMError(f"no such model file: {given(model)}; expected YuNet's .onnx")
        with quiet_stderr():
            try:
                self._net = cv2.FaceDetectorYN.create(
                    str(model), "", (320, 320), MIN_SCORE, 0.3, 500
                )
            except cv2.error:
                raise FaceLLMError(f"{given(model)} is no YuNet model (.onnx)") from None

    def find(self, image: np.ndarray) -> list[Found]:
        """Find faces in RGB (H, W, 3)."""
        found: list[Found] = []
        long_side = max(image.shape[:2])
        # A picture below the first size is searched once, at its own size.
        for side in sorted({min(side, long_side) for side in LONG_SIDES}, reverse=True):
            found += self._find_at(image, side / long_side)
        found.sort(key=lambda face: -face.confidence)
        kept: list[Found] = []
        for face in found:
            if all(overlap(face.box, other.box) < SAME_FACE for other in kept):
                kept.append(face)
        return kept

    def _find_at(self, image: np.ndarray, scale: float) -> list[Found]:
        height, width = image.shape[:2]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
        self._net.setInputSize(size)
        _, rows = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        return [_found(row / scale, float(row[14])) for row in rows] if rows is not None else []


def _found(row: np.ndarray, confidence: float) -> Found:
    x, y, width, height = (float(value) for value in row[:4])
    return Found((x, y, x + width, y + height), row[4:14].reshape(5, 2), min(1.0, confidence))
