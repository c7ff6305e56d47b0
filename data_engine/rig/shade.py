"""Deferred shading: colour of every pixel that hit something, from its surface attributes.

Light is linear until `expose` maps it to display values. Directions are in camera space.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from data_engine.rig.camera import direction, dot, unit
from data_engine.rig.head import BACK, EYE_LEFT, EYE_RIGHT, FRAME, HAIR, MOUTH, SKIN, TEETH
from data_engine.rig.look import Look
from data_engine.rig.spec import Light
from data_engine.rig.texture import TILE

_WRAP = np.array([0.28, 0.14, 0.1], np.float32)  # light bleeds red through skin at the terminator
_IRIS_RADIUS = 0.42  # sine of the angle from the eye's axis to the rim of the iris


@dataclass(frozen=True)
class Surface:
    """What N hit pixels see."""

    material: np.ndarray
    """(N,) uint8."""
    chart: np.ndarray
    """(N, 2) float32; for eyes the direction from the eye's axis instead, in radii."""
    normal: np.ndarray
    """(N, 3) float32, unit length, towards the camera."""
    view: np.ndarray
    """(N, 3) float32, unit length, towards the camera's centre."""
    open_sky: np.ndarray
    """(N,) float32 in [0, 1], share of ambient light that arrives."""
    lit: np.ndarray
    """(N,) float32 in [0, 1], share of the key light that arrives."""


def base_colour(surface: Surface, atlas: np.ndarray, look: Look) -> np.ndarray:
    """Linear RGB and gloss (N, 4) before light."""
    out = np.empty((len(surface.material), 4), np.float32)
    painted = np.isin(surface.material, (SKIN, BACK, HAIR))
    u = surface.chart[painted, 0] * TILE - 0.5
    v = (1 - surface.chart[painted, 1]) * TILE - 0.5
    # remap wants a picture, not a list: one row would exceed its size limit on large frames.
    out[painted] = sample(atlas, u, v)
    eye = np.isin(surface.material, (EYE_LEFT, EYE_RIGHT))
    out[eye] = _eye(surface.chart[eye], look)
    for material, colour, gloss in (
        (MOUTH, (0.24, 0.06, 0.055), 0.15),
        (TEETH, (0.6, 0.54, 0.44), 0.5),
        (FRAME, (0.02, 0.018, 0.016), 0.8),
    ):
        out[surface.material == material] = (*colour, gloss)
    return out


def sample(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear values (N, C) of a picture at pixels x, y (N,)."""
    if not len(x):
        return np.zeros((0, picture.shape[2]), np.float32)
    rows = -(-len(x) // 256)
    grid = np.zeros((2, rows * 256), np.float32)
    grid[0, : len(x)], grid[1, : len(x)] = x, y
    got = cv2.remap(
        picture, grid[0].reshape(rows, 256), grid[1].reshape(rows, 256),
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return got.reshape(rows * 256, -1)[: len(x)]


def _eye(offset: np.ndarray, look: Look) -> np.ndarray:
    """Pupil, iris with a dark rim, and a sclera that is never quite white."""
    radius = np.hypot(offset[:, 0], offset[:, 1])
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    out = np.empty((len(offset), 4), np.float32)
    veins = np.clip((radius - 0.6) * 0.5, 0, 0.25)
    # Lids and lashes shade the eye; exposure for dark skin would otherwise make it glow.
    out[:, :3] = np.array([0.55, 0.52, 0.5], np.float32) * (1 - 0.05 * look.tone)
    out[:, 1:3] *= (1 - veins)[:, None]
    fibres = 1 + 0.18 * np.sin(angle * 23) * np.sin(angle * 9 + 1.0) + 0.5 * (radius < 0.26)
    rim = np.clip((_IRIS_RADIUS - radius) / 0.07, 0.15, 1)
    iris = look.iris * (fibres * rim)[:, None]
    inside = np.clip((_IRIS_RADIUS + 0.02 - radius) / 0.04, 0, 1)[:, None]
    out[:, :3] += inside * (iris - out[:, :3])
    out[:, :3] *= np.clip((radius - 0.15) / 0.04, 0.02, 1)[:, None]
    out[:, 3] = 3.0
    return out


def bump(normal: np.ndarray, slope: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Tilt normals (N, 3) by a height map's slope (N, 2) along the head's x and y axes."""
    tilted = normal - slope[:, :1] * turn[:, 0] - slope[:, 1:] * turn[:, 1]
    return unit(tilted)


def light_up(surface: Surface, colour: np.ndarray, light: Light) -> np.ndarray:
    """Reflected light, linear RGB (N, 3), of base colours (N, 4) under key, fill and sky."""
    towards = direction(light.pitch, light.yaw)
    opposite = direction(0.1, -np.sign(light.yaw or 1.0) * 1.1)
    tint = np.array([1 + 0.25 * light.warmth, 1.0, 1 - 0.35 * light.warmth], np.float32)
    n = surface.normal
    soft = np.isin(surface.material, (SKIN, BACK))[:, None] * _WRAP
    key = np.clip((n @ towards)[:, None] + soft, 0, None) / (1 + soft) * surface.lit[:, None]
    fill = np.clip((n @ opposite)[:, None] + soft, 0, None) / (1 + soft)
    sky = (0.62 + 0.38 * n[:, 1:2]) * surface.open_sky[:, None]
    strength = np.float32(2.2 * light.key)
    arriving = strength * tint * key + (1 - light.key + 0.12) * 1.3 * sky
    arriving += np.float32(0.8 * light.fill) * fill * surface.open_sky[:, None]
    shine = _highlight(surface, towards) * surface.lit * (0.4 + light.key)
    return colour[:, :3] * arriving + (0.16 * shine * colour[:, 3])[:, None] * tint


def _highlight(surface: Surface, towards: np.ndarray) -> np.ndarray:
    """Blinn's highlight (N,): broad on skin, a point on the wet eye."""
    facing = np.clip(dot(surface.normal, unit(surface.view + towards)), 0, 1)
    square = facing * facing
    broad = np.square(np.square(np.square(square)))  # power 16 without the slow pow
    eye = (surface.material == EYE_LEFT) | (surface.material == EYE_RIGHT)
    return np.where(eye, 2.5 * broad**10, 0.55 * broad).astype(np.float32)


def expose(image: np.ndarray, skin: np.ndarray, brightness: float) -> np.ndarray:
    """Scale linear light so that the face's mean shows at `brightness`, and apply gamma.

    `skin` (N, 3) are the linear colours of the face; the tone curve rolls highlights off.
    """
    mean = float(skin.mean()) if len(skin) else 0.2
    # Meters aim at the middle but photographs of dark and light skin still differ.
    gain = (brightness**2.2 / max(mean, 1e-3)) ** 0.8
    x = image * np.float32(gain)
    x = x * (1 + x / 4) / (1 + x)
    return np.clip(x * 1.25, 0, 1) ** np.float32(1 / 2.2)
