"""The finder that ships with the package: two small networks on grey pixels, no download.

    picture → grey at two sizes → Detector → rough place, size and tilt of each face
            → upright crops → Landmarker → points
            → new crops from these points → Landmarker → the 68 points

The confidence is the geometric mean of the two networks' scores. Faces smaller than about a
fiftieth of the picture's long side are missed.
"""

import math
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from facellm.core.errors import FaceLLMError, given
from facellm.core.regions import Points
from facellm.core.sample import Face
from facellm.faces.crop import Crop, box_of, crop_around, overlap, pixels
from facellm.faces.finder import left_to_right, make_face
from facellm.faces.networks import CROP_SIZE, STRIDE, UNIT_SIDE, Detector, Landmarker
from facellm.faces.store import load_half

WEIGHTS = Path(__file__).parent / "weights"
LONG_SIDES = (640, 224)
"""The detector knows faces of 10-150 pixels: small ones show at the first, large at the second."""
MOST_ENLARGED = 2.0
MIN_CENTRE, MIN_FACE = 0.25, 0.5
"""Scores under which a candidate is dropped, of the detector and of the landmarker."""
MOST_CANDIDATES = 100
WIDEN = 1.3
"""Crop in units of the square around the points; the landmarker is trained on this."""
SAME_FACE = 0.4


class BuiltinFinder:
    """Faces and points by the shipped networks; keeps no state, so threads may share it."""

    name = "builtin"

    def __init__(self, model: Path | None = None) -> None:
        """Load the weights.

        Args:
            model: folder with `detector.safetensors` and `landmarks.safetensors`; the shipped ones
                if left out.

        Raises:
            FaceLLMError: a folder without them.
        """
        folder = WEIGHTS if model is None else Path(model)
        for name in ("detector", "landmarks"):
            if not (folder / f"{name}.safetensors").is_file():
                raise FaceLLMError(f"no {name}.safetensors in {given(folder)}")
        detector = load_half(Detector(), folder / "detector.safetensors").eval()
        # The wide, shallow maps of the detector run twice as fast with channels last.
        self._detector = detector.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._landmarker = load_half(Landmarker(), folder / "landmarks.safetensors").eval()

    @torch.inference_mode()
    def find(self, image: Image.Image) -> list[Face]:
        grey = cv2.cvtColor(pixels(image), cv2.COLOR_RGB2GRAY)
        candidates = self._candidates(grey)
        if not candidates:
            return []
        crops = [crop for crop, _ in candidates]
        points, _ = self._points(grey, [c._replace(side=c.side * WIDEN) for c in crops])
        points, scores = self._points(grey, [crop_around(p, WIDEN) for p in points])
        faces = [
            make_face(found, box_of(found), math.sqrt(centre * score))
            for found, score, (_, centre) in zip(points, scores, candidates, strict=True)
            if score >= MIN_FACE
        ]
        return left_to_right(_distinct(faces))

    def _candidates(self, grey: np.ndarray) -> list[tuple[Crop, float]]:
        """Squares around likely faces with their scores, best first, doubles removed."""
        longest = max(grey.shape)
        sides = sorted({min(side, round(longest * MOST_ENLARGED)) for side in LONG_SIDES})
        every = [found for side in sides for found in self._detect(grey, side / longest)]
        every.sort(key=lambda item: -item[1])
        kept: list[tuple[Crop, float]] = []
        for crop, score in every:
            if all(overlap(_box(crop), _box(other)) < SAME_FACE for other, _ in kept):
                kept.append((crop, score))
        return kept[:MOST_CANDIDATES]

    def _detect(self, grey: np.ndarray, scale: float) -> list[tuple[Crop, float]]:
        height, width = (max(1, round(side * scale)) for side in grey.shape)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(grey, (width, height), interpolation=way)
        # Sides must be multiples of 32; the fill is the mean tone, in which nothing is found.
        filled = np.full((-(-height // 32) * 32, -(-width // 32) * 32), small.mean(), np.float32)
        filled[:height, :width] = small
        batch = torch.from_numpy(filled / 255)[None, None]
        fields = self._detector(batch.to(memory_format=torch.channels_last))[0]
        score = torch.sigmoid(fields[0])
        peak = torch.nn.functional.max_pool2d(score[None], 3, 1, 1)[0]
        rows, columns = torch.where((score == peak) & (score >= MIN_CENTRE))
        found = []
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            _, x, y, side, cos, sin = fields[:, row, column].tolist()
            crop = Crop(
                (column + 0.5 + x) * STRIDE / scale,
                (row + 0.5 + y) * STRIDE / scale,
                UNIT_SIDE * math.exp(min(side, 4.0)) / scale,
                math.atan2(sin, cos),
            )
            found.append((crop, float(score[row, column])))
        return sorted(found, key=lambda item: -item[1])[:MOST_CANDIDATES]

    def _points(self, grey: np.ndarray, crops: list[Crop]) -> tuple[list[Points], list[float]]:
        """Points of each crop in pixels of the picture, and how surely it shows a face."""
        cut = np.stack([crop.cut(grey, CROP_SIZE) for crop in crops])
        batch = torch.from_numpy(cut)[:, None].float() / 255
        points, logits = self._landmarker(batch)
        inside = (points.double().numpy() + 1) / 2 * CROP_SIZE
        placed = [c.to_picture(p, CROP_SIZE) for c, p in zip(crops, inside, strict=True)]
        return placed, torch.sigmoid(logits).tolist()


def _box(crop: Crop) -> tuple[float, float, float, float]:
    half = crop.side / 2
    return (crop.x - half, crop.y - half, crop.x + half, crop.y + half)


def _distinct(faces: list[Face]) -> list[Face]:
    """Drop the weaker of two candidates whose points ended on the same face."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if all(overlap(face.box, other.box) < SAME_FACE for other in kept):
            kept.append(face)
    return kept
