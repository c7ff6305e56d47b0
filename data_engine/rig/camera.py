"""Head pose and a pinhole camera, in the signs every label of the project uses.

Angles are radians: +pitch looks up, +yaw and +roll go to the subject's right. The camera stands at
(0, 0, distance) in head units and looks along -z, so the subject's left is on the image's right.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. `focal` is in image sides, so a frame of any size shows the same view."""

    distance: float = 80.0
    """From the head's origin, in head units (about a centimetre)."""
    focal: float = 3.0
    """Focal length over the image side."""
    offset: tuple[float, float] = (0.0, 0.0)
    """Where the head's origin lands relative to the middle, in image sides (x right, y down)."""


def rotation(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """The head's rotation (3, 3) float32: roll first, then pitch, then yaw."""
    sp, cp = np.sin(pitch), np.cos(pitch)
    sy, cy = np.sin(yaw), np.cos(yaw)
    sr, cr = np.sin(roll), np.cos(roll)
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (about_y @ about_x @ about_z).astype(np.float32)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row products (N,) of vectors (N, 3); several times faster than a sum over axis 1."""
    return np.einsum("ij,ij->i", a, b)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, 3) at length 1; zero stays zero."""
    return vectors / np.sqrt(dot(vectors, vectors) + 1e-18)[:, None]


def direction(pitch: float, yaw: float) -> np.ndarray:
    """Unit vector (3,) float32 of a line of sight; (0, 0) looks along +z."""
    return rotation(pitch, yaw, 0.0)[:, 2].copy()


def angles(vector: np.ndarray) -> tuple[float, float]:
    """Pitch and yaw of a direction (3,), the inverse of `direction`."""
    x, y, z = (float(v) for v in vector)
    return float(np.arctan2(y, np.hypot(x, z))), float(np.arctan2(-x, z))


def project(camera: Camera, points: np.ndarray, size: int) -> np.ndarray:
    """Pixels (N, 2) float32 of points (N, 3); pixel centres are at half-integers minus a half."""
    depth = camera.distance - points[:, 2]
    x = 0.5 + camera.offset[0] + camera.focal * points[:, 0] / depth
    y = 0.5 + camera.offset[1] - camera.focal * points[:, 1] / depth
    return (np.stack([x, y], 1) * size - 0.5).astype(np.float32)


def rays(camera: Camera, pixels: np.ndarray, size: int) -> np.ndarray:
    """Ray directions (N, 3) float32 through pixels (N, 2); depth 1 along -z, not normalised."""
    plane = (pixels + 0.5) / size - 0.5 - np.asarray(camera.offset, np.float32)
    out = np.empty((len(pixels), 3), np.float32)
    out[:, 0] = plane[:, 0] / camera.focal
    out[:, 1] = -plane[:, 1] / camera.focal
    out[:, 2] = -1.0
    return out
