"""Training pictures for the built-in finder, composed from labelled faces and faceless pictures.

    faces, cut out or whole, any size and tilt ──┐
    faceless pictures, drawn clutter ────────────┼→ scene → light, blur, noise, JPEG → the faces'
    decoys: the same cut-outs, other content ────┘           places (x, y, side, roll)

Decoys carry the same edges, hair and shoulders as faces do, so that only the face itself tells.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facellm.core.errors import FaceLLMError
from facellm.core.regions import Points, region_polygon
from facellm.core.sample import read_samples
from facellm.faces.clutter import clutter, degrade, patch
from facellm.faces.crop import Crop, crop_around
from facellm.faces.image import load_image
from facellm.faces.mesh68 import MIRROR_68

TILE = 224
LEAST_SIDE = 9.0
LEAST_LEFT = 0.2
"""Share of its resolution that a close-up may be left with."""
LEAST_WIDTH = 40.0
"""Smaller faces of a corpus teach nothing that a larger one scaled down does not."""


@dataclass(frozen=True)
class Tile:
    """A grey picture (H, W) of one face with its points."""

    grey: np.ndarray
    points: Points

    def mirrored(self) -> "Tile":
        flipped = self.points * [-1, 1] + [self.grey.shape[1] - 1, 0]
        return Tile(np.ascontiguousarray(self.grey[:, ::-1]), flipped[MIRROR_68])


def drawn(tiles: list[Tile], rng: np.random.Generator) -> Tile:
    """One of them, mirrored or not."""
    tile = tiles[rng.integers(len(tiles))]
    return tile.mirrored() if rng.random() < 0.5 else tile


def read_tiles(corpus: Path, split: str = "train", most: int = 5000) -> list[Tile]:
    """Read the faces of a corpus, each cut to a tile of at most `TILE` pixels around it.

    Faces that a finder doubted (confidence under 0.6) are left out: their points are guesses. A
    corpus of more than `most` pictures is thinned evenly, so that every person stays in.
    """
    tiles: list[Tile] = []
    samples = [sample for sample in read_samples(corpus) if sample.split == split]
    for sample in samples[:: max(1, len(samples) // most)]:
        usable = [f for f in sample.faces if f.points and f.confidence >= 0.6]
        if not usable:
            continue
        grey = np.asarray(load_image(corpus / sample.image).convert("L"))
        for face in usable:
            points = np.array(face.points, np.float64)
            if np.ptp(points[:, 0]) >= LEAST_WIDTH:
                tiles.append(_tile(grey, points))
    if not tiles:
        raise FaceLLMError(f"no {split} faces with points in {corpus}; label it first")
    return tiles


def _tile(grey: np.ndarray, points: Points) -> Tile:
    """Cut out the face with what surrounds it, never beyond the picture's edge."""
    reach = 1.0 * np.ptp(points, axis=0).max()
    middle = (points.min(0) + points.max(0)) / 2
    x0, y0 = np.maximum(0, np.floor(middle - reach)).astype(int)
    x1, y1 = np.ceil(middle + reach).astype(int)
    part, moved = grey[y0:y1, x0:x1], points - [x0, y0]
    scale = min(1.0, TILE / max(part.shape))
    if scale < 1.0:
        part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Tile(np.ascontiguousarray(part), moved * scale)


def head_mask(tile: Tile, rng: np.random.Generator) -> np.ndarray:
    """Soft outline (H, W) in [0, 1] of the face with its forehead, somewhat wider or narrower."""
    outline = np.concatenate([tile.points, region_polygon("forehead", tile.points)])
    middle = outline.mean(0)
    hull = cv2.convexHull((middle + (outline - middle) * rng.uniform(0.95, 1.35)).astype(np.int32))
    mask = np.zeros(tile.grey.shape, np.uint8)
    cv2.fillConvexPoly(mask, hull, 255)
    soft = int(rng.integers(1, 12)) * 2 + 1
    return cv2.GaussianBlur(mask, (soft, soft), 0).astype(np.float32) / 255


def paste(
    canvas: np.ndarray, tile: Tile, mask: np.ndarray, matrix: np.ndarray, rng: np.random.Generator
) -> None:
    """Warp the tile by an affine (2, 3) onto the canvas (H, W), in place."""
    height, width = canvas.shape
    shrink = 1 / max(1e-6, float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))))
    grey, soft = tile.grey, mask
    while shrink > 2:  # halve first: warping alone would alias
        grey, soft = cv2.resize(grey, None, fx=0.5, fy=0.5), cv2.resize(soft, None, fx=0.5, fy=0.5)
        matrix, shrink = matrix @ np.diag([2.0, 2.0, 1.0]), shrink / 2
    warped = cv2.warpAffine(grey, matrix, (width, height)).astype(np.float32)
    alpha = cv2.warpAffine(soft, matrix, (width, height))
    level = rng.uniform(0.6, 1.2) if rng.random() < 0.5 else 1.0
    canvas[:] = np.clip(canvas * (1 - alpha) + warped * level * alpha, 0, 255).astype(np.uint8)


def _dress(canvas: np.ndarray, place: Crop, rng: np.random.Generator) -> None:
    """Draw hair behind and shoulders below where a head will be: cut-out faces have neither."""
    down = np.array([-np.sin(place.angle), np.cos(place.angle)])
    centre = np.array([place.x, place.y])
    degrees = float(np.degrees(place.angle))
    tone = int(rng.integers(0, 256))
    if rng.random() < 0.6:
        neck = centre + down * place.side * rng.uniform(0.5, 0.7)
        body = centre + down * place.side * rng.uniform(1.2, 1.7)
        axes = (int(place.side * rng.uniform(0.8, 1.4)), int(place.side * rng.uniform(0.6, 0.9)))
        cv2.line(canvas, _pixel(centre), _pixel(neck), int(rng.integers(40, 220)),
                 max(1, int(place.side * rng.uniform(0.3, 0.6))))  # fmt: skip
        cv2.ellipse(canvas, _pixel(body), axes, degrees, 0, 360, tone, -1)
    if rng.random() < 0.7:
        top = centre - down * place.side * rng.uniform(0.0, 0.3)
        axes = (int(place.side * rng.uniform(0.5, 0.8)), int(place.side * rng.uniform(0.6, 0.95)))
        hair = int(rng.integers(0, 90)) if rng.random() < 0.7 else int(rng.integers(90, 230))
        cv2.ellipse(canvas, _pixel(top), axes, degrees, 0, 360, hair, -1)


def _pixel(point: np.ndarray) -> tuple[int, int]:
    return int(point[0]), int(point[1])


def decoy(tile: Tile, negatives: list[np.ndarray], rng: np.random.Generator) -> Tile:
    """The tile with something else than a face in it: another picture, or its parts in disorder."""
    height, width = tile.grey.shape
    if rng.random() < 0.65:
        return Tile(patch(negatives, (height, width), rng), tile.points)
    parts = int(rng.integers(3, 6))
    rows, columns = height // parts, width // parts
    mixed = tile.grey.copy()
    for index, other in enumerate(rng.permutation(parts * parts)):
        (r, c), (s, t) = divmod(index, parts), divmod(int(other), parts)
        block = tile.grey[s * rows : (s + 1) * rows, t * columns : (t + 1) * columns]
        mixed[r * rows : (r + 1) * rows, c * columns : (c + 1) * columns] = block
    return Tile(cv2.GaussianBlur(mixed, (3, 3), 0), tile.points)


def scene(
    tiles: list[Tile], negatives: list[np.ndarray], size: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[Crop]]:
    """Compose a square grey picture; returns it with the upright crops around its faces' points."""
    canvas = clutter(negatives, size, rng)
    faces: list[Crop] = []
    taken: list[Crop] = []
    crowd = int(rng.integers(1, 13))
    most = min(1.4, 2.4 / crowd**0.5) * size
    for _ in range(crowd):
        side = float(np.exp(rng.uniform(np.log(LEAST_SIDE), np.log(most))))
        tilt = rng.normal(0, 0.25) if rng.random() < 0.85 else rng.uniform(-1.8, 1.8)
        x, y = rng.uniform(0.0, size, 2)
        place = Crop(float(x), float(y), side, float(tilt))
        if any(np.hypot(place.x - t.x, place.y - t.y) < 0.55 * (side + t.side) for t in taken):
            continue
        # Hair and shoulders must not hide a face that is there already.
        alone = all(np.hypot(x - t.x, y - t.y) > 2.2 * side + t.side for t in taken)
        taken.append(place)
        tile = drawn(tiles, rng)
        if rng.random() < 0.25:
            _place(canvas, decoy(tile, negatives, rng), place, alone, rng)
            continue
        faces.append(_place(canvas, tile, place, alone, rng))
    return degrade(canvas, rng), faces


def close_up(
    tiles: list[Tile], negatives: list[np.ndarray], size: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[Crop]]:
    """A square grey picture that one face fills, as cropped and scaled-up pictures show it."""
    canvas = clutter(negatives, size, rng)
    x, y = size / 2 + rng.normal(0, 0.08, 2) * size
    place = Crop(float(x), float(y), size * rng.uniform(0.5, 1.1), float(rng.normal(0, 0.15)))
    tile = drawn(tiles, rng)
    if rng.random() < 0.2:
        _place(canvas, decoy(tile, negatives, rng), place, True, rng)
        return degrade(canvas, rng, LEAST_LEFT), []
    face = _place(canvas, tile, place, True, rng)
    return degrade(canvas, rng, LEAST_LEFT), [face]


def _place(
    canvas: np.ndarray, tile: Tile, place: Crop, alone: bool, rng: np.random.Generator
) -> Crop:
    """Put the tile where asked; return the crop around its points as they came to lie."""
    to_unit = crop_around(tile.points, 1.0).matrix(1)
    stretch = rng.uniform(0.9, 1.1)  # narrower and broader faces, about the middle of the crop
    to_unit[0] *= stretch
    to_unit[0, 2] += (1 - stretch) / 2
    matrix = cv2.invertAffineTransform(place.matrix(1)) @ np.vstack([to_unit, [0, 0, 1]])
    if rng.random() < 0.35:
        mask = np.ones(tile.grey.shape, np.float32)
    else:
        mask = head_mask(tile, rng)
        if alone and rng.random() < 0.8:
            _dress(canvas, place, rng)
    paste(canvas, tile, mask, matrix, rng)
    return crop_around(tile.points @ matrix[:, :2].T + matrix[:, 2], 1.0)
