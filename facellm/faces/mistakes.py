"""Collect what the detector wrongly takes for faces, for the landmarker to learn to refuse."""

import numpy as np

from facellm.faces.clutter import LONGEST, degrade, patch
from facellm.faces.crop import Crop, crop_around
from facellm.faces.detect import candidates
from facellm.faces.networks import CROP_SIZE, Detector
from facellm.faces.scenes import Tile, scene
from facellm.faces.targets import WIDEN

LEAST = 0.15
"""Score from which a mistake is kept: below what the finder asks for, to refuse with a margin."""
SIDES = (640, 448, 320, 224, 160, 96)
"""More sizes than the finder searches, for more mistakes of each picture."""


def find_mistakes(
    detector: Detector,
    tiles: list[Tile],
    negatives: list[np.ndarray],
    count: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Crops (96, 96) of about `count` mistakes: in faceless pictures, on parts of faces, in scenes.

    Gives up after as many pictures: a detector that hardly errs has few mistakes to show.
    """
    found: list[np.ndarray] = []
    for picture in negatives:
        shown = candidates(detector, picture, SIDES, LEAST)
        found += [_cut(picture, crop) for crop, _ in shown]
    for index in range(count):
        if len(found) >= count:
            break
        size = int(rng.integers(128, LONGEST // 2))
        faces: list[Crop] = []
        if index % 3 == 0:
            picture = degrade(patch(negatives, (size, size), rng), rng)
        elif index % 3 == 1:
            picture, faces = scene(tiles, negatives, size, rng)
        else:
            tile = tiles[rng.integers(len(tiles))]
            picture, faces = tile.grey, [crop_around(tile.points, 1.0)]
        for crop, _ in candidates(detector, picture, (2 * size, size), LEAST):
            if not any(_near(crop, face) for face in faces):
                found.append(_cut(picture, crop))
    return found


def _near(crop: Crop, face: Crop) -> bool:
    """Whether the candidate is the face or a close miss of it, as against a part or a neighbour."""
    apart = float(np.hypot(crop.x - face.x, crop.y - face.y))
    return apart < 0.5 * face.side and 0.6 < crop.side / face.side < 1.7


def _cut(picture: np.ndarray, crop: Crop) -> np.ndarray:
    return crop._replace(side=crop.side * WIDEN).cut(picture, CROP_SIZE)
