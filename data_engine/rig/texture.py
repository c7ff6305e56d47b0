"""Paint a person: one atlas of linear colours per identity, in the head's own texture chart.

Tiles from left to right: 0 the face and neck, 1 the back of the head, 2 loose hair. Everything is
placed by the 68 points' chart positions and the rest positions of the texels, so the same brush
paints any head.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from data_engine.rig.cast import Scene
from data_engine.rig.head import BACK, SKIN, MorphableHead
from data_engine.rig.look import Look, person_rng
from data_engine.rig.noise import field, fractal, streaks

TILE = 384


@dataclass(frozen=True)
class Chart:
    """The texels of a head: where each lies on the neutral face. Made once a head."""

    position: np.ndarray
    """(TILE, 2 * TILE, 3) float32 rest position; beside the surface, that of the nearest texel."""
    points: np.ndarray
    """(68, 2) float32 texel coordinates x, y of the landmark points."""
    brow_height: float
    """y of the brows in head units."""
    face_height: float
    """Brows to chin in head units."""


def chart_of(head: MorphableHead) -> Chart:
    """Find the rest position of every texel by casting rays onto the unfolded mesh."""
    flat = np.zeros((len(head.chart), 3), np.float32)
    flat[:, :2] = head.chart
    skin = np.flatnonzero((head.material == SKIN) | (head.material == BACK))
    triangles = head.triangles[skin]
    xs = (np.arange(2 * TILE, dtype=np.float32) + 0.5) / TILE
    ys = 1 - (np.arange(TILE, dtype=np.float32) + 0.5) / TILE
    origins = np.stack([*np.meshgrid(xs, ys), np.ones((TILE, 2 * TILE), np.float32)], -1)
    down = np.broadcast_to(np.array([0, 0, -1], np.float32), (TILE * TILE * 2, 3))
    hits = Scene(flat, triangles).cast(origins.reshape(-1, 3), np.ascontiguousarray(down))
    corners = head.rest[triangles[np.maximum(hits.triangle, 0)]]
    position = np.einsum("nkc,nk->nc", corners, hits.bary)
    position = position.reshape(TILE, 2 * TILE, 3).astype(np.float32)
    position = _spread(position, hits.triangle.reshape(TILE, 2 * TILE) >= 0)
    points = head.points_chart * (TILE, -TILE) + (0, TILE)
    brow = float(head.points_rest[17:27, 1].mean())
    return Chart(
        position,
        points.astype(np.float32),
        brow,
        brow - float(head.points_rest[8, 1]),
    )


def _spread(position: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Give texels without a surface the position of the nearest one that has, tile by tile.

    Colours are read between texels: without this, the seams would show whatever lies beside them.
    """
    out = position.copy()
    for tile in (slice(0, TILE), slice(TILE, 2 * TILE)):
        there = known[:, tile]
        if there.any():
            _, nearest = cv2.distanceTransformWithLabels(
                (~there).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
            )
            rows, columns = np.nonzero(there)
            source = np.zeros((nearest.max() + 1, 3), np.float32)
            source[nearest[rows, columns]] = position[:, tile][rows, columns]
            out[:, tile] = source[nearest]
    return out


@dataclass(frozen=True)
class Paint:
    """A person's atlas."""

    colour: np.ndarray
    """(TILE, 3 * TILE, 4) float32: linear RGB and gloss."""
    hair: np.ndarray
    """(TILE, 2 * TILE) float32 in [0, 1]: where hair grows on the head."""


def paint(chart: Chart, look: Look, identity: int) -> Paint:
    """Paint one person's skin, lips, brows, lids, beard and hair."""
    rng = person_rng(identity, 2)
    colour = np.empty((TILE, 3 * TILE, 3), np.float32)
    gloss = np.full((TILE, 3 * TILE), look.gloss, np.float32)
    colour[:, : 2 * TILE] = look.skin
    face = colour[:, :TILE]
    _skin(rng, face, chart, look)
    _lips(rng, face, gloss[:, :TILE], chart, look)
    _lids(face, chart, look)
    _beard(rng, face, chart, look)
    _brows(rng, face, chart, look)
    strands = 1 + 0.35 * np.clip(streaks(rng, TILE, 3 * TILE, 3.0, 60.0), -2, 2)
    strands *= 1 + 0.15 * np.clip(fractal(rng, TILE, 3 * TILE, 40.0, 2), -2, 2)
    hair_colour = look.hair * np.clip(strands, 0.25, 2.0)[:, :, None]
    mask = _hair_mask(rng, chart, look)
    head = colour[:, : 2 * TILE]
    head += mask[:, :, None] * (hair_colour[:, : 2 * TILE] - head)
    below = np.clip((chart.brow_height - 1.28 * chart.face_height - chart.position[..., 1]), 0, 1)
    head += below[:, :, None] * (look.clothes - head)
    colour[:, 2 * TILE :] = hair_colour[:, 2 * TILE :]
    gloss[:, : 2 * TILE] *= 1 - 0.8 * mask
    gloss[:, 2 * TILE :] *= 0.3
    return Paint(np.dstack([np.clip(colour, 0.002, 1.0), gloss]), mask)


def _skin(rng: np.random.Generator, face: np.ndarray, chart: Chart, look: Look) -> None:
    """Mottling, blood, freckles, moles and the shadow under the eyes."""
    unevenness = 0.035 + 0.06 * look.age
    face *= (1 + unevenness * fractal(rng, TILE, TILE, 24.0, 4))[:, :, None]
    p = chart.points
    blood = _blobs([(p[1] + p[31]) / 2, (p[15] + p[35]) / 2, p[30]], TILE * 0.07)
    face *= 1 - (0.08 + 0.22 * look.blush) * blood[:, :, None] * np.array([0, 1, 0.9], np.float32)
    under = [(p[41] + p[40]) / 2 + (0, 0.02 * TILE), (p[46] + p[47]) / 2 + (0, 0.02 * TILE)]
    face *= 1 - (0.1 + 0.25 * look.age) * _blobs(under, TILE * 0.035)[:, :, None]
    if look.freckles:
        spots = np.clip(field(rng, TILE, TILE, 3.0) - 1.5, 0, 1) * _blobs([p[29]], TILE * 0.16)
        face *= 1 - 0.6 * look.freckles * spots[:, :, None]
    for _ in range(look.moles):
        x, y = rng.uniform(0.2 * TILE, 0.8 * TILE, 2)
        cv2.circle(
            face, (int(x), int(y)), int(rng.integers(1, 3)), (look.skin * 0.25).tolist(), -1,
            cv2.LINE_AA,
        )  # fmt: skip


def _lips(
    rng: np.random.Generator, face: np.ndarray, gloss: np.ndarray, chart: Chart, look: Look
) -> None:
    mask = _polygon(chart.points[48:60], blur=1.5 + 1.5 * (1 - look.makeup))
    mask *= 0.75 + 0.25 * look.makeup
    ridges = 1 + 0.08 * streaks(rng, TILE, TILE, 2.0, 30.0)
    face += mask[:, :, None] * (look.lips * ridges[:, :, None] - face)
    gloss += mask * (0.5 + look.makeup)
    # The line where the lips meet stays dark even when light reaches it.
    seam = np.zeros((TILE, TILE), np.float32)
    for side in (chart.points[[48, 60]], chart.points[[54, 64]]):
        cv2.polylines(seam, [np.int32(side * 8)], False, 1.0, 4, cv2.LINE_AA, 3)
    face *= 1 - 0.5 * cv2.GaussianBlur(seam, (0, 0), 1.5)[:, :, None]


def _lids(face: np.ndarray, chart: Chart, look: Look) -> None:
    """Lashes and lid margins: what makes an eye readable at a few pixels."""
    p = chart.points
    for upper, lower in (
        ((36, 37, 38, 39), (39, 40, 41, 36)),
        ((42, 43, 44, 45), (45, 46, 47, 42)),
    ):
        for line, strength, width in ((upper, 0.85, 3), (lower, 0.4 + 0.3 * look.makeup, 2)):
            mask = np.zeros((TILE, TILE), np.float32)
            curve = _smooth(p[list(line)])
            cv2.polylines(mask, [np.int32(curve * 8)], False, 1.0, width, cv2.LINE_AA, 3)
            mask = cv2.GaussianBlur(mask, (0, 0), 0.8)
            face *= 1 - strength * np.minimum(mask, 1)[:, :, None]
        if look.makeup > 0.3:
            shade = _blobs([p[list(upper)].mean(0) - (0, 0.02 * TILE)], TILE * 0.03)
            face *= 1 - 0.5 * look.makeup * shade[:, :, None]


def _brows(rng: np.random.Generator, face: np.ndarray, chart: Chart, look: Look) -> None:
    strokes = np.clip(0.8 + 0.35 * field(rng, TILE, TILE, 2.2), 0, 1.2)
    for line in (range(17, 22), range(26, 21, -1)):
        curve = _smooth(chart.points[list(line)])
        mask = np.zeros((TILE, TILE), np.float32)
        # Thin outside, full in the middle, a little thinner again at the inner end.
        profile = np.interp(
            np.linspace(0, 1, len(curve) - 1), (0, 0.3, 0.75, 1), (0.4, 0.9, 1, 0.8)
        )
        for a, b, share in zip(curve[:-1], curve[1:], profile, strict=True):
            width = max(1, round(share * look.brow_width * 0.026 * TILE))
            ends = np.int32(a * 8), np.int32(b * 8)
            cv2.line(mask, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 1.0, width,
                     cv2.LINE_AA, 3)  # fmt: skip
        mask = cv2.GaussianBlur(mask, (0, 0), 1.3) * strokes * look.brow_density
        face += np.minimum(mask, 1)[:, :, None] * (look.brow - face)


def _beard(rng: np.random.Generator, face: np.ndarray, chart: Chart, look: Look) -> None:
    if look.beard == "none":
        return
    p = chart.points
    chin = np.concatenate(
        [p[3:14], (p[12:13] + p[54:55]) / 2, p[[54, 57, 48]], (p[4] + p[48])[None] / 2]
    )
    moustache = np.stack([p[48], p[31], p[33], p[35], p[54], p[52], p[50]])
    goatee = np.stack([p[48], p[57], p[54], p[9] + (0, 8), p[7] + (0, 8)])
    mask = np.zeros((TILE, TILE), np.float32)
    if look.beard in ("stubble", "full"):
        mask = np.maximum(mask, _polygon(chin, blur=5.0))
    if look.beard == "goatee":
        mask = np.maximum(mask, _polygon(goatee, blur=4.0))
    mask = np.maximum(mask, _polygon(moustache, blur=3.0))
    mask *= 1 - _polygon(p[48:60], blur=1.5)
    strength = 0.35 if look.beard == "stubble" else 0.9
    grain = np.clip(0.75 + 0.2 * field(rng, TILE, TILE, 2.0), 0, 1)
    face += (strength * mask * grain)[:, :, None] * (look.hair - face)


def _hair_mask(rng: np.random.Generator, chart: Chart, look: Look) -> np.ndarray:
    """Where hair grows, (TILE, 2 * TILE): above a line that drops from the forehead to the nape."""
    if look.hair_style == "bald":
        return np.zeros((TILE, 2 * TILE), np.float32)
    x, y, z = np.moveaxis(chart.position, -1, 0)
    azimuth = np.degrees(np.abs(np.arctan2(x, z - 1.0)))
    unit = chart.face_height
    height = (y - chart.brow_height) / unit
    line = np.interp(
        azimuth,
        (0, 35, 60, 74, 90, 130, 180),
        (0.36 + 0.05 * look.hairline, 0.3 + 0.07 * look.hairline, 0.1, -0.25, -0.2, -0.75, -0.85),
    )
    # Ears are on the face tile between 80 and 110 degrees; hair there starts above them.
    line[:, :TILE] = np.where(
        azimuth[:, :TILE] > 76, np.maximum(line[:, :TILE], -0.1), line[:, :TILE]
    )
    edge = 0.02 * fractal(rng, TILE, 2 * TILE, 10.0, 3)
    softness = 0.03 if look.hair_style != "cropped" else 0.06
    return np.clip((height - line + edge) / softness, 0, 1).astype(np.float32)


def _smooth(points: np.ndarray, samples: int = 16) -> np.ndarray:
    """A curve (samples, 2) float32 through a few points, by a cubic in arc length."""
    t = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    fine = np.linspace(0, t[-1], samples)
    degree = min(3, len(points) - 1)
    return np.stack(
        [np.polyval(np.polyfit(t, points[:, k], degree), fine) for k in (0, 1)], 1
    ).astype(np.float32)


def _polygon(points: np.ndarray, blur: float) -> np.ndarray:
    """A soft filled polygon over the face tile, (TILE, TILE) float32 in [0, 1]."""
    mask = np.zeros((TILE, TILE), np.float32)
    cv2.fillPoly(mask, [np.int32(points * 8)], 1.0, cv2.LINE_AA, 3)
    return cv2.GaussianBlur(mask, (0, 0), blur)


def _blobs(centres: list[np.ndarray], radius: float) -> np.ndarray:
    """Soft round spots over the face tile, (TILE, TILE) float32 in [0, 1]."""
    yy, xx = np.mgrid[:TILE, :TILE].astype(np.float32)
    out = np.zeros((TILE, TILE), np.float32)
    for x, y in centres:
        out = np.maximum(out, np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * radius**2)))
    return out
