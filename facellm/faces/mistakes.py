"""Collect what the detector wrongly takes for faces, for the landmarker to learn to refuse."""

import numpy as np

from facellm.faces.clutter import LONGEST
from facellm.faces.crop import Crop
from facellm.faces.detect import candidates
from facellm.faces.networks import CROP_SIZE, Detector
from facellm.faces.scenes import Tile, scene
from facellm.faces.targets import WIDEN

LEAST = 0.15
"""Score from which a mistake is kept: below what the finder asks for, to refuse with a margin."""
SIDES = (640, 224, 96)


def find_mistakes(
    detector: Detector,
    tiles: list[Tile],
    negatives: list[np.ndarray],
    count: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Crops (96, 96) of at most `count` mistakes: half the scenes without, half with faces."""
    found: list[np.ndarray] = []
    for picture in negatives:
        shown = [crop for crop, _ in candidates(detector, picture, SIDES, LEAST)]
        found += [_cut(picture, crop) for crop in shown]
    for _ in range(count):
        if len(found) >= count:
            break
        size = int(rng.integers(128, LONGEST // 2))
        picture, faces = scene(tiles, negatives, size, rng)
        for crop, _ in candidates(detector, picture, (size,), LEAST):
            if not any(_near(crop, face) for face in faces):
                found.append(_cut(picture, crop))
    return found


def _near(crop: Crop, face: Crop) -> bool:
    apart = float(np.hypot(crop.x - face.x, crop.y - face.y))
    return apart < 0.6 * max(crop.side, face.side)


def _cut(picture: np.ndarray, crop: Crop) -> np.ndarray:
    return crop._replace(side=crop.side * WIDEN).cut(picture, CROP_SIZE)
