"""Things a person wears on the head: loose long hair and glasses, as small meshes.

They are built once a person in the head's own space and turn with it. Vertices come with chart
coordinates in the atlas's third tile, where the hair is painted.
"""

from dataclasses import dataclass

import numpy as np

from data_engine.rig.head import FRAME, HAIR, Person
from data_engine.rig.look import Look, person_rng


@dataclass(frozen=True)
class Props:
    """Meshes to append to the head's; triangles count from 0."""

    vertices: np.ndarray
    """(V, 3) float32."""
    chart: np.ndarray
    """(V, 2) float32."""
    triangles: np.ndarray
    """(T, 3) int32."""
    material: np.ndarray
    """(T,) uint8."""


def props_of(person: Person, look: Look, identity: int) -> Props:
    """Build what this person wears; often nothing."""
    rng = person_rng(identity, 3)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]] = []
    if look.hair_style == "long":
        parts.append((*_curtain(rng, person, look), HAIR))
    if look.glasses != "none":
        parts += [(*part, FRAME) for part in _glasses(rng, person, look.glasses == "round")]
    if not parts:
        empty = np.zeros((0, 3), np.float32)
        return Props(empty, empty[:, :2], np.zeros((0, 3), np.int32), np.zeros(0, np.uint8))
    offsets = np.cumsum([0, *(len(part[0]) for part in parts)])
    return Props(
        np.concatenate([part[0] for part in parts]).astype(np.float32),
        np.concatenate([part[1] for part in parts]).astype(np.float32),
        np.concatenate([p[2] + o for p, o in zip(parts, offsets, strict=False)]).astype(np.int32),
        np.concatenate([np.full(len(part[2]), part[3], np.uint8) for part in parts]),
    )


def _grid(rows: int, columns: int, closed: bool = False) -> np.ndarray:
    """Triangles of a grid of vertices; `closed` joins the last column to the first."""
    r, c = np.mgrid[: rows - 1, : columns - (0 if closed else 1)]
    a, b = r * columns + c, r * columns + (c + 1) % columns
    quads = np.stack([a, b, b + columns, a, b + columns, a + columns], -1)
    return quads.reshape(-1, 3)


def _curtain(
    rng: np.random.Generator, person: Person, look: Look
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hair falling at the sides and the back, open in front of the face."""
    p = person.points
    height = float(p[17:27, 1].mean() - p[8, 1])
    top = float(p[17:27, 1].mean()) + 0.45 * height
    length = height * rng.uniform(0.9, 1.9)
    half = float(p[16, 0] - p[0, 0]) / 2
    opening = np.radians(rng.uniform(62, 84, 2))
    rows, columns = 12, 26
    fall = np.linspace(0, 1, rows)[:, None]
    angle = np.linspace(opening[0], 2 * np.pi - opening[1], columns)[None]
    # From the crown the curtain swings out past the ears and falls straight.
    swell = np.interp(fall, (0, 0.3, 0.6, 1), (0.98, 1.12, 1.16, 1.1)) + 0.03 * look.volume
    swell = swell + rng.normal(0, 0.012, (rows, columns))
    x = np.sin(angle) * half * swell
    z = np.cos(angle) * half * swell * 1.25 + 0.5
    y = top - fall * length * (1 + rng.normal(0, 0.03, (1, columns)))
    vertices = np.stack(np.broadcast_arrays(x, y, z), -1).reshape(-1, 3)
    chart = np.stack(np.broadcast_arrays(2 + angle / (2 * np.pi), 1 - 0.9 * fall), -1)
    return vertices, chart.reshape(-1, 2), _grid(rows, columns)


def _glasses(
    rng: np.random.Generator, person: Person, is_round: bool
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Two rims, a bridge and two temples, as tubes."""
    p = person.points
    right, left = p[36:42].mean(0), p[42:48].mean(0)
    span = float(left[0] - right[0])
    front = float(max(p[27, 2] - 0.4, p[36:48, 2].max() + 1.0))
    radius = span * rng.uniform(0.34, 0.42)
    power = 1.0 if is_round else 0.55
    turn = np.linspace(0, 2 * np.pi, 21)[:-1]
    ring = np.stack(
        [
            np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power,
            np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power * (0.9 if is_round else 0.68),
            np.zeros_like(turn),
        ],
        1,
    )
    thick = float(rng.uniform(0.08, 0.22))
    tubes = []
    for eye in (right, left):
        centre = np.array([eye[0], eye[1] - 0.15, front])
        tubes.append(_tube(centre + ring * radius, thick, closed=True))
    y = float((right[1] + left[1]) / 2) + 0.2
    inner = np.array(
        [[right[0] + radius, y, front], [0, y + 0.2, front + 0.25], [left[0] - radius, y, front]]
    )
    tubes.append(_tube(inner, thick, closed=False))
    for eye, ear, side in ((right, p[0], -1), (left, p[16], 1)):
        hinge = np.array([eye[0] + side * radius, y, front])
        tubes.append(
            _tube(np.stack([hinge, np.array([ear[0] + side * 0.5, y, ear[2] - 2])]), thick, False)
        )
    return tubes


def _tube(
    path: np.ndarray, thick: float, closed: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A four-sided tube along a path (N, 3)."""
    corners = np.array([[1, 1, 1], [-1, -1, 1], [-1, -1, -1], [1, 1, -1]]) * thick / 2
    outward = path - path.mean(0)
    outward[:, 2] = 1.0
    sign = np.where(outward < 0, -1.0, 1.0)
    vertices = (path[:, None] + corners[None] * sign[:, None]).reshape(-1, 3)
    rows = len(path)
    triangles = _grid(rows + 1, 4, closed=True) % len(vertices) if closed else _grid(rows, 4, True)
    return vertices, np.zeros((len(vertices), 2)), triangles
