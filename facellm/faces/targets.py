"""What the built-in finder's two networks are trained towards, and how far they are from it."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from facellm.faces.clutter import clutter, degrade, patch
from facellm.faces.crop import Crop, crop_around
from facellm.faces.networks import CROP_SIZE, STRIDE, UNIT_SIDE
from facellm.faces.scenes import LEAST_LEFT, Tile, close_up, decoy, drawn, head_mask, paste, scene

SCENE_SIZE = 192
CLOSE_SIZE = 96
CLOSE_UPS = 0.3
"""Share of the batches whose pictures are small and filled by one face."""
SMALLEST, LARGEST = 10.0, 150.0
"""Sides of faces, in pixels, that the detector answers for; beyond them it may say anything."""
WIDEN = 1.3
"""The landmark crop, in units of the square around the points."""


class DetectorBatch(NamedTuple):
    grey: Tensor
    """(B, 1, H, W) in [0, 1]."""
    heat: Tensor
    """(B, h, w) in [0, 1]: 1 at centres, falling off with the size of the face."""
    keep: Tensor
    """(B, h, w): 0 where nothing is asked, near faces too small or too large."""
    fields: Tensor
    """(B, 5, h, w) offset x, y, log side, cos, sin; valid where `near` is set."""
    near: Tensor
    """(B, h, w): 1 at the cells about a centre."""


def detector_batch(
    tiles: list[Tile], negatives: list[np.ndarray], count: int, rng: np.random.Generator
) -> DetectorBatch:
    """Draw scenes and their targets."""
    close = rng.random() < CLOSE_UPS
    size = CLOSE_SIZE if close else SCENE_SIZE
    count = count * SCENE_SIZE // size
    cells = size // STRIDE
    grey = np.zeros((count, 1, size, size), np.float32)
    maps = np.zeros((count, 8, cells, cells), np.float32)
    maps[:, 1] = 1
    for index in range(count):
        picture, faces = (close_up if close else scene)(tiles, negatives, size, rng)
        grey[index, 0] = picture.astype(np.float32) / 255
        for face in faces:
            _draw(maps[index], face)
    heat, keep, fields, near = np.split(maps, [1, 2, 7], axis=1)
    tensors = (torch.from_numpy(np.ascontiguousarray(a)) for a in (heat, keep, near))
    heat_t, keep_t, near_t = (t[:, 0] for t in tensors)
    return DetectorBatch(torch.from_numpy(grey), heat_t, keep_t, torch.from_numpy(fields), near_t)


def _draw(maps: np.ndarray, face: Crop) -> None:
    """Add one face to the maps (8, h, w): heat, keep, five fields, near."""
    cells = maps.shape[1]
    u, v = face.x / STRIDE - 0.5, face.y / STRIDE - 0.5
    rows, columns = np.mgrid[0:cells, 0:cells]
    distance = np.hypot(columns - u, rows - v)
    side = face.side / STRIDE
    if not SMALLEST <= face.side <= LARGEST:
        maps[1][distance < max(1.5, 0.4 * side)] = 0
        return
    sigma = max(0.55, 0.09 * side)
    maps[0] = np.maximum(maps[0], np.exp(-(distance**2) / (2 * sigma**2)))
    column, row = round(u), round(v)
    if not (0 <= column < cells and 0 <= row < cells):
        return
    maps[0][row, column] = 1
    near = distance <= max(1.0, 0.12 * side)
    near[row, column] = True
    maps[7][near] = 1
    maps[2][near], maps[3][near] = (u - columns)[near], (v - rows)[near]
    maps[4][near] = np.log(face.side / UNIT_SIDE)
    maps[5][near], maps[6][near] = np.cos(face.angle), np.sin(face.angle)


def detector_loss(out: Tensor, batch: DetectorBatch) -> Tensor:
    """Penalty-reduced focal loss on the centres, L1 on the rest about each centre."""
    logit = out[:, 0].float()
    score = torch.sigmoid(logit).clamp(1e-5, 1 - 1e-5)
    centre = (batch.heat == 1).float() * batch.keep
    found = -((1 - score) ** 2) * torch.log(score) * centre
    false = -((1 - batch.heat) ** 4) * score**2 * torch.log(1 - score) * (1 - centre) * batch.keep
    count = centre.sum().clamp(min=1)
    wrong = (out[:, 1:] - batch.fields).abs()
    weight = torch.tensor([0.5, 0.5, 1.0, 0.5, 0.5], device=out.device).view(1, 5, 1, 1)
    fields = (wrong * weight * batch.near[:, None]).sum() / batch.near.sum().clamp(min=1)
    return (found.sum() + false.sum()) / count + fields


class LandmarkBatch(NamedTuple):
    grey: Tensor
    """(B, 1, 96, 96) in [0, 1]."""
    points: Tensor
    """(B, 68, 2) in [-1, 1] of the crop."""
    face: Tensor
    """(B,): 1 for a face, 0 for anything else."""


def landmark_batch(
    tiles: list[Tile],
    negatives: list[np.ndarray],
    count: int,
    rng: np.random.Generator,
    mistakes: list[np.ndarray] | None = None,
) -> LandmarkBatch:
    """Draw crops as the finder makes them: off by a little, some by a lot, some without a face.

    `mistakes` are crops (96, 96) that the detector took for faces; see `facellm.faces.mistakes`.
    """
    grey = np.zeros((count, 1, CROP_SIZE, CROP_SIZE), np.float32)
    points = np.zeros((count, 68, 2), np.float32)
    face = np.ones(count, np.float32)
    for index in range(count):
        tile = drawn(tiles, rng)
        kind = rng.random()
        if mistakes and kind < 0.2:
            face[index] = 0
            cut = mistakes[rng.integers(len(mistakes))]
            cut = cut[:, ::-1] if rng.random() < 0.5 else cut
        elif kind < 0.35:
            face[index] = 0
            cut = _no_face(tile, negatives, rng)
        else:
            cut, where = _face_crop(tile, negatives, rng)
            points[index] = where / CROP_SIZE * 2 - 1
        grey[index, 0] = degrade(cut, rng, LEAST_LEFT).astype(np.float32) / 255
    return LandmarkBatch(*(torch.from_numpy(a) for a in (grey, points, face)))


def _off(tile: Tile, rng: np.random.Generator) -> Crop:
    """The ideal crop of the tile, missed by as much as the detector or a first guess misses it."""
    ideal = crop_around(tile.points, WIDEN)
    far = 1.0 if rng.random() < 0.5 else 0.35
    x, y = np.array([ideal.x, ideal.y]) + rng.normal(0, 0.06 * far, 2) * ideal.side
    side = ideal.side * float(np.exp(rng.normal(0, 0.13 * far)))
    return Crop(float(x), float(y), side, ideal.angle + float(rng.normal(0, 0.2 * far)))


def _face_crop(
    tile: Tile, negatives: list[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    crop = _off(tile, rng)
    points = crop.to_crop(tile.points, CROP_SIZE)
    if rng.random() < 0.5:
        cut = crop.cut(tile.grey, CROP_SIZE)
    else:
        cut = clutter(negatives, CROP_SIZE, rng)
        paste(cut, tile, head_mask(tile, rng), crop.matrix(CROP_SIZE), rng)
    if rng.random() < 0.2:
        _cover(cut, negatives, rng)
    return cut, points


def _cover(cut: np.ndarray, negatives: list[np.ndarray], rng: np.random.Generator) -> None:
    """Hide a part of the crop, as hands, hair and microphones do."""
    width, height = (int(v) for v in rng.integers(10, 44, 2))
    x, y = (int(v) for v in rng.integers(0, CROP_SIZE - 10, 2))
    window = cut[y : y + height, x : x + width]
    flat = np.full(window.shape, rng.integers(0, 256), np.uint8)
    window[:] = flat if rng.random() < 0.5 else patch(negatives, window.shape, rng)


def _no_face(tile: Tile, negatives: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Another picture, a decoy, or a face missed so far that it does not count as found."""
    kind = rng.random()
    if kind < 0.5:
        return clutter(negatives, CROP_SIZE, rng)
    crop = _off(tile, rng)
    if kind < 0.8:
        cut = clutter(negatives, CROP_SIZE, rng)
        paste(cut, decoy(tile, negatives, rng), head_mask(tile, rng), crop.matrix(CROP_SIZE), rng)
        return cut
    if kind < 0.9:
        way = rng.uniform(0, 2 * np.pi)
        reach = crop.side * rng.uniform(0.5, 0.9)
        missed = crop._replace(x=crop.x + reach * np.cos(way), y=crop.y + reach * np.sin(way))
    else:  # a part of a face taken for a whole one
        shift = rng.uniform(-0.25, 0.25, 2) * crop.side
        missed = crop._replace(
            x=crop.x + shift[0], y=crop.y + shift[1], side=crop.side * rng.uniform(0.15, 0.4)
        )
    return missed.cut(tile.grey, CROP_SIZE)


def landmark_loss(points: Tensor, logits: Tensor, batch: LandmarkBatch) -> Tensor:
    """L1 of the points in units of the crop's half side, and cross entropy of face or not."""
    wrong = (points - batch.points).abs().mean((1, 2))
    placed = (wrong * batch.face).sum() / batch.face.sum().clamp(min=1)
    return 10 * placed + 0.5 * F.binary_cross_entropy_with_logits(logits, batch.face)
