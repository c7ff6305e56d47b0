"""From the detector's maps to squares around likely faces."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch

from facellm.core.sample import Box
from facellm.faces.crop import Crop, overlap
from facellm.faces.networks import STRIDE, UNIT_SIDE, Detector

MOST = 100
"""Candidates kept, the best first; a crowd beyond that is cut short."""
SAME_FACE = 0.4
"""Boxes that overlap more than this (IoU) are one face."""
Candidate = tuple[Crop, float]
"""The upright square around a face's points, and the detector's score in [0, 1]."""


def candidates(
    detector: Detector, grey: np.ndarray, sides: Sequence[int], least: float
) -> list[Candidate]:
    """Search a grey picture (H, W) scaled to each long side; best first, doubles removed."""
    longest = max(grey.shape)
    every = [found for side in sides for found in _at_scale(detector, grey, side / longest, least)]
    every.sort(key=lambda item: -item[1])
    kept: list[Candidate] = []
    for crop, score in every:
        if all(overlap(square(crop), square(other)) < SAME_FACE for other, _ in kept):
            kept.append((crop, score))
    return kept[:MOST]


def square(crop: Crop) -> Box:
    """The crop as a box, its tilt left out."""
    half = crop.side / 2
    return (crop.x - half, crop.y - half, crop.x + half, crop.y + half)


@torch.inference_mode()
def _at_scale(detector: Detector, grey: np.ndarray, scale: float, least: float) -> list[Candidate]:
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(grey, (width, height), interpolation=way)
    # Sides must be multiples of 32; the fill is the mean tone, in which nothing is found.
    filled = np.full((-(-height // 32) * 32, -(-width // 32) * 32), small.mean(), np.float32)
    filled[:height, :width] = small
    batch = torch.from_numpy(filled / 255)[None, None]
    fields = detector(batch.to(memory_format=torch.channels_last))[0]
    score = torch.sigmoid(fields[0])
    peak = torch.nn.functional.max_pool2d(score[None], 3, 1, 1)[0]
    rows, columns = torch.where((score == peak) & (score >= least))
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
    return sorted(found, key=lambda item: -item[1])[:MOST]
