"""The finder that ships with the package: two small networks on grey pixels, no download.

    picture → grey at two sizes → Detector → rough place, size and tilt of each face
            → upright crops → Landmarker → points
            → new crops from these points → Landmarker → the 68 points

The confidence is the geometric mean of the three scores on the way. Faces smaller than about a
fiftieth of the picture's long side are missed.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from facellm.core.errors import FaceLLMError, given
from facellm.core.regions import Points
from facellm.core.sample import Face
from facellm.faces.crop import Crop, box_of, covered, crop_around, overlap, pixels
from facellm.faces.detect import SAME_FACE, candidates
from facellm.faces.finder import left_to_right, make_face
from facellm.faces.networks import CROP_SIZE, Detector, Landmarker
from facellm.faces.onethread import on_one_thread
from facellm.faces.store import fused, load_half

WEIGHTS = Path(__file__).parent / "weights"
LONG_SIDES = (640, 224, 96)
"""The detector knows faces of 10-150 pixels: large faces show at the small sizes."""
MOST_ENLARGED = 2.0
MIN_CONFIDENCE = 0.7
"""Geometric mean of the detector's score and the landmarker's two from which a face counts."""
INSIDE = 0.6
"""A face of which a surer one covers this share is a part of it: an eye, or a mouth taken whole."""
WIDEN = 1.3
"""Crop in units of the square around the points; the landmarker is trained on this."""


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
        detector = fused(load_half(Detector(), folder / "detector.safetensors"))
        # The wide, shallow maps of the detector run faster with channels last.
        self._detector = detector.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._landmarker = fused(load_half(Landmarker(), folder / "landmarks.safetensors"))

    def find(self, image: Image.Image) -> list[Face]:
        return on_one_thread(self._find, cv2.cvtColor(pixels(image), cv2.COLOR_RGB2GRAY))

    @torch.inference_mode()
    def _find(self, grey: np.ndarray) -> list[Face]:
        longest = round(max(grey.shape) * MOST_ENLARGED)
        sides = sorted({min(side, longest) for side in LONG_SIDES})
        # The scores to come are at most 1: what cannot pass any more is not looked at again.
        least = MIN_CONFIDENCE**3
        likely = candidates(self._detector, grey, sides, least)
        if not likely:
            return []
        crops = [crop._replace(side=crop.side * WIDEN) for crop, _ in likely]
        points, scores = self._points(grey, crops)
        so_far = [centre * score for (_, centre), score in zip(likely, scores, strict=True)]
        hopeful = [i for i, product in enumerate(so_far) if product >= least]
        if not hopeful:
            return []
        points, scores = self._points(grey, [crop_around(points[i], WIDEN) for i in hopeful])
        faces = [
            make_face(found, box_of(found), (so_far[i] * score) ** (1 / 3))
            for i, found, score in zip(hopeful, points, scores, strict=True)
            if so_far[i] * score >= least
        ]
        return left_to_right(_distinct(faces))

    def _points(self, grey: np.ndarray, crops: list[Crop]) -> tuple[list[Points], list[float]]:
        """Points of each crop in pixels of the picture, and how surely it shows a face."""
        cut = np.stack([crop.cut(grey, CROP_SIZE) for crop in crops])
        batch = torch.from_numpy(cut)[:, None].float() / 255
        points, logits = self._landmarker(batch)
        inside = (points.double().numpy() + 1) / 2 * CROP_SIZE
        placed = [c.to_picture(p, CROP_SIZE) for c, p in zip(crops, inside, strict=True)]
        return placed, torch.sigmoid(logits).tolist()


def _distinct(faces: list[Face]) -> list[Face]:
    """Drop the weaker of two candidates that are one face, or one a part of the other."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        alone = (
            overlap(face.box, other.box) < SAME_FACE and covered(face.box, other.box) < INSIDE
            for other in kept
        )
        if all(alone):
            kept.append(face)
    return kept
