"""Furrows that action units press into the skin, as a height map in the face's chart.

The meshes are too coarse to fold. Each unit has lines drawn where FACS describes them; a frame
sums the maps by intensity, and the renderer tilts normals along the sum and darkens its valleys.
"""

from collections.abc import Mapping

import cv2
import numpy as np

from data_engine.rig.actions import side_gains

SIZE = 256
WRINKLE_UNITS = (1, 2, 4, 6, 9, 10, 12, 14, 15, 17)


def wrinkle_maps(points_chart: np.ndarray) -> np.ndarray:
    """Depth maps (units, SIZE, SIZE) float32 in [0, 1], made once a head."""
    p = points_chart * (SIZE, -SIZE) + (0, SIZE)
    drawn = {
        1: _forehead(p, 0.0, 0.75), 2: _forehead(p, 0.55, 1.2), 4: _glabella(p), 6: _crow(p),
        9: _nose(p), 10: _fold(p, 0.75), 12: _fold(p, 1.0), 14: _dimple(p), 15: _marionette(p),
        17: _chin(p),
    }  # fmt: skip
    return np.stack([_draw(drawn[au]) for au in WRINKLE_UNITS])


def wrinkle_map(
    maps: np.ndarray, units: Mapping[int, float], asymmetry: Mapping[int, float]
) -> np.ndarray | None:
    """Sum the maps by intensity, (SIZE, SIZE) float32; None when nothing folds."""
    out: np.ndarray | None = None
    for layer, au in zip(maps, WRINKLE_UNITS, strict=True):
        share = units.get(au, 0.0) / 5.0
        if share <= 0:
            continue
        left, right = side_gains(asymmetry.get(au, 0.0))
        out = np.zeros((SIZE, SIZE), np.float32) if out is None else out
        half = SIZE // 2
        out[:, :half] += layer[:, :half] * np.float32(share * right)
        out[:, half:] += layer[:, half:] * np.float32(share * left)
    return out


def _draw(lines: list[tuple[np.ndarray, float]]) -> np.ndarray:
    out = np.zeros((SIZE, SIZE), np.float32)
    for line, strength in lines:
        layer = np.zeros((SIZE, SIZE), np.float32)
        cv2.polylines(layer, [np.int32(line * 8)], False, float(strength), 2, cv2.LINE_AA, 3)
        out = np.maximum(out, layer)
    return np.clip(cv2.GaussianBlur(out, (0, 0), 1.4) * 1.8, 0, 1)


def _both(line: np.ndarray, p: np.ndarray, strength: float) -> list[tuple[np.ndarray, float]]:
    """A line and its mirror image about the middle of the face."""
    middle = float(p[27:31, 0].mean())
    return [(line, strength), (line * (-1, 1) + (2 * middle, 0), strength)]


def _forehead(p: np.ndarray, start: float, end: float) -> list[tuple[np.ndarray, float]]:
    """Horizontal lines over the brows; start and end run from the middle (0) to the temple (1)."""
    middle, temple, brow = float(p[27, 0]), float(p[17, 0]), float(p[18:26, 1].mean())
    x = middle + (temple - middle) * np.linspace(start, end, 9)
    lines: list[tuple[np.ndarray, float]] = []
    for k in range(4):
        sag = 1.5 * np.cos(np.linspace(start, end, 9) * 3)
        y = brow - SIZE * (0.03 + 0.022 * k) + sag
        lines += _both(np.stack([x, y], 1), p, 0.8 - 0.1 * k)
    return lines


def _glabella(p: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Two upright lines between the brows and one across the root of the nose."""
    middle, top, root = float(p[27, 0]), float(p[21, 1]), float(p[27, 1])
    x = middle - SIZE * np.array([0.02, 0.016, 0.02])
    y = np.linspace(top - 0.03 * SIZE, root - 0.02 * SIZE, 3)
    across = np.stack([middle + SIZE * np.linspace(-0.02, 0.02, 3), np.full(3, root)], 1)
    return [*_both(np.stack([x, y], 1), p, 1.0), (across, 0.6)]


def _crow(p: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Rays from the outer corner of the eye and the furrow under the lower lid."""
    corner = p[36]
    lines: list[tuple[np.ndarray, float]] = []
    for angle in (-0.45, -0.1, 0.3, 0.65):
        away = np.array([-np.cos(angle), np.sin(angle)])
        ray = corner + SIZE * np.array([[0.025], [0.05], [0.075]]) * away
        lines += _both(ray, p, 0.75)
    under = p[[36, 41, 40, 39]] + (0, 0.035 * SIZE)
    return [*lines, *_both(under, p, 0.6)]


def _nose(p: np.ndarray) -> list[tuple[np.ndarray, float]]:
    lines: list[tuple[np.ndarray, float]] = []
    for share in (0.15, 0.4, 0.65):
        start = p[27] * (1 - share) + p[29] * share
        line = start + SIZE * np.array([[-0.008, 0.0], [-0.022, -0.008], [-0.034, -0.004]])
        lines += _both(line, p, 0.9)
    return [*lines, *((line, 0.7 * s) for line, s in _fold(p, 0.5))]


def _fold(p: np.ndarray, length: float) -> list[tuple[np.ndarray, float]]:
    """The nasolabial fold, from the wing of the nose to beside the corner of the mouth."""
    wing = p[31] + SIZE * np.array([-0.03, -0.02])
    end = p[48] + SIZE * np.array([-0.045, 0.005])
    bend = (wing + end) / 2 + SIZE * np.array([-0.012, -0.008])
    t = np.linspace(0, length, 7)[:, None]
    return _both((1 - t) ** 2 * wing + 2 * t * (1 - t) * bend + t**2 * end, p, 1.0)


def _dimple(p: np.ndarray) -> list[tuple[np.ndarray, float]]:
    offsets = np.array([[-0.028, -0.018], [-0.034, 0.0], [-0.028, 0.018]])
    return _both(p[48] + SIZE * offsets, p, 1.0)


def _marionette(p: np.ndarray) -> list[tuple[np.ndarray, float]]:
    offsets = np.array([[-0.012, 0.005], [-0.022, 0.03], [-0.022, 0.055]])
    return _both(p[48] + SIZE * offsets, p, 0.9)


def _chin(p: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Pits of the wrinkled chin and the furrow under the lower lip, in fixed scatter."""
    rng = np.random.default_rng(17)
    centre = 0.45 * p[57] + 0.55 * p[8]
    lines: list[tuple[np.ndarray, float]] = []
    for _ in range(22):
        spot = centre + rng.normal(0, (0.03 * SIZE, 0.016 * SIZE))
        lines.append((np.stack([spot, spot + rng.normal(0, 2.0, 2)]), 0.7))
    furrow = p[[59, 57, 55]] + (0, 0.018 * SIZE)
    return [*lines, (furrow, 0.8)]
