"""A small head written in code, so that tests and a fresh machine need no download.

The face is one regular sheet over (azimuth, height), slit along the mouth and along both eyes;
eyeballs, teeth and the inside of the mouth lie behind the slits. It is no beauty, but every action
unit of the rig moves what FACS says it moves.
"""

from dataclasses import dataclass

import numpy as np

from data_engine.rig.head import BACK, EYE_LEFT, EYE_RIGHT, MOUTH, SKIN, TEETH, MorphableHead
from data_engine.rig.procedural_shapes import (
    EYE,
    IDENTITY_FIELDS,
    MOUTH_HALF,
    MOUTH_Y,
    Place,
    displace,
    shape_fields,
)

_SIDE = np.radians(105.0)  # azimuth where the face's sheet meets the back's
_LOW, _HIGH = -13.0, 12.4
_EYE_HALF, _LID_UP, _LID_DOWN = 1.5, 0.62, 0.45
_ROWS = [
    12.4, 12.0, 11.2, 10.2, 9.2, 8.3, 7.6, 7.0, 6.5, 6.0, 5.5, 5.0, 4.6, 4.2, 3.85, EYE[1],
    3.25, 2.9, 2.5, 2.0, 1.4, 0.8, 0.2, -0.4, -0.9, -1.3, -1.8, -2.3, -2.7, -3.05, MOUTH_Y,
    -3.65, -4.0, -4.4, -5.0, -5.7, -6.4, -7.0, -7.5, -8.0, -8.5, -9.5, -11.0, _LOW,
]  # fmt: skip
"""Heights of the sheet's rows; eyes and mouth lie on rows so that they can be slit."""


@dataclass
class _Part:
    """One piece of the mesh with what the fields need to know of it."""

    vertices: np.ndarray
    triangles: np.ndarray
    chart: np.ndarray
    material: int
    place: Place


def procedural_head() -> MorphableHead:
    """Build the head; about 2 700 vertices."""
    parts = [_face(), _back(), _eye(+1), _eye(-1), _teeth(+1), _teeth(-1), _throat()]
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    points, points_place = _points()
    shapes = shape_fields()
    named, people = tuple(shapes.values()), IDENTITY_FIELDS
    return MorphableHead(
        name="procedural",
        source="procedural rig",
        licence="Apache-2.0",
        rest=np.concatenate([p.vertices for p in parts]).astype(np.float32),
        triangles=np.concatenate(
            [p.triangles + o for p, o in zip(parts, offsets, strict=False)]
        ).astype(np.int32),
        material=np.concatenate([np.full(len(p.triangles), p.material, np.uint8) for p in parts]),
        chart=np.concatenate([p.chart for p in parts]).astype(np.float32),
        identity_delta=np.concatenate([displace(people, p.place) for p in parts], 1).reshape(
            len(people), -1
        ),
        shape_names=tuple(shapes),
        shape_delta=np.concatenate([displace(named, p.place) for p in parts], 1).reshape(
            len(named), -1
        ),
        points_rest=points.astype(np.float32),
        points_identity=displace(people, points_place).reshape(len(people), -1),
        points_shape=displace(named, points_place).reshape(len(named), -1),
        points_chart=_chart(points, SKIN).astype(np.float32),
    )


def _surface(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """z of the face's front at (x, y): an egg with brow, sockets, nose, lips and chin."""
    half, deep = _section(y)
    z = deep * np.sqrt(np.clip(1 - (np.abs(x) / half) ** 2.3, 0, 1))
    return z + _features(x, y)


def _section(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half width and front depth of the head at height y."""
    heights = (-13.0, -9.5, -8.4, -7.4, -5.0, -2.0, 2.0, 6.0, 9.0, 11.0, 12.0, 12.4)
    half = np.interp(y, heights, (5.5, 5.4, 5.4, 5.3, 6.2, 7.1, 7.6, 7.7, 7.2, 5.6, 3.4, 0.6))
    deep = np.interp(y, heights, (3.0, 3.6, 5.2, 8.7, 9.0, 9.2, 9.0, 9.3, 8.6, 6.4, 3.6, 0.6))
    return half, deep


def _features(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    def spot(cx: float, cy: float, wide: float, tall: float) -> np.ndarray:
        return np.exp(-(((np.abs(x) - cx) / wide) ** 2) - ((y - cy) / tall) ** 2)

    ridge = np.interp(y, (-1.6, -0.9, 0.3, 2.0, 4.5, 5.5), (0, 0.9, 2.3, 1.3, 0.45, 0))
    width = np.interp(y, (-1.6, -0.6, 1.0, 4.0), (1.5, 1.4, 1.0, 0.8))
    nose = ridge * np.exp(-((x / width) ** 2))
    lips = 0.55 * spot(0, -2.9, 1.9, 0.5) + 0.6 * spot(0, -3.8, 1.7, 0.5)
    return (
        nose + lips - 0.9 * spot(EYE[0], EYE[1], 1.9, 1.2) + 0.45 * spot(3.0, 6.0, 3.0, 1.0)
        + 0.5 * spot(4.3, 0.8, 1.8, 1.8) + 0.6 * spot(0, -6.6, 1.8, 1.2)
    )  # fmt: skip


def _chart(vertices: np.ndarray, material: int) -> np.ndarray:
    """Unroll positions: azimuth across, height up."""
    azimuth = np.arctan2(vertices[:, 0], vertices[:, 2] + 0.01)
    v = (vertices[:, 1] - _LOW) / (_HIGH - _LOW)
    if material == BACK:
        around = np.mod(azimuth, 2 * np.pi)
        return np.stack([1 + (around - _SIDE) / (2 * np.pi - 2 * _SIDE), v], 1)
    return np.stack([0.5 + azimuth / (2 * _SIDE), v], 1)


def _place(
    vertices: np.ndarray, lip_side: np.ndarray | None = None, lid_side: np.ndarray | None = None
) -> Place:
    """Describe positions to the fields.

    The sides (+1 above, -1 below, 0 unknown) tell the two edges of a slit apart, which touch.
    """
    x, y = vertices[:, 0], vertices[:, 1]
    lip = _known(lip_side, np.sign(y - MOUTH_Y))
    near_lip = np.exp(-((np.maximum(np.abs(y - MOUTH_Y) - 0.6, 0) / 0.9) ** 2))
    inside = np.sqrt(np.clip(1 - (x / (MOUTH_HALF * 1.1)) ** 2, 0, 1))
    arch = _arch(x)
    above = y - EYE[1]
    lid = _known(lid_side, np.sign(above))
    rim = np.where(lid > 0, _LID_UP, _LID_DOWN) * arch
    near_lid = np.exp(-((np.maximum(np.abs(above) - rim, 0) / 0.45) ** 2)) * np.sqrt(arch)
    below = _known(lip_side, 0.0 * y)
    below = np.where(below == 0, 1 / (1 + np.exp(5 * (y - MOUTH_Y + 0.1))), below < 0)
    # The chin goes all the way with the jaw, the corners of the mouth half, ears and nape not.
    neck = np.clip((y + 10.5) / 2.5, 0, 1)
    reach = np.clip((vertices[:, 2] + 1) / 8, 0, 1)
    side = np.clip((np.abs(x) - 1.8) / 4, 0, 1) * np.clip(1 - (MOUTH_Y - y) / 4, 0, 1)
    return Place(
        x=x,
        y=y,
        lip=lip * near_lip * inside,
        lid=lid * near_lid,
        opening=(_LID_UP + _LID_DOWN) * arch,
        jaw=below * neck * reach * (1 - 0.7 * side),
    )


def _known(side: np.ndarray | None, otherwise: np.ndarray) -> np.ndarray:
    return otherwise if side is None else np.where(side != 0, side, otherwise)


def _arch(x: np.ndarray) -> np.ndarray:
    """Relative height of the eyes' opening at x, (N,) in [0, 1]."""
    return np.clip(1 - ((np.abs(x) - EYE[0]) / _EYE_HALF) ** 2, 0, 1)


def _grid(rows: int, columns: int) -> np.ndarray:
    """Triangles of a grid of vertices, facing out when columns go left to right, rows downwards."""
    r, c = np.mgrid[: rows - 1, : columns - 1]
    a = r * columns + c
    quads = np.stack([a, a + columns, a + columns + 1, a, a + columns + 1, a + 1], -1)
    return quads.reshape(-1, 3)


def _face() -> _Part:
    """The sheet of the face, slit along eyes and mouth."""
    t = np.linspace(-1, 1, 57)
    azimuth = _SIDE * (0.62 * t + 0.38 * t**3)
    y = np.repeat(_ROWS, len(t))
    half, deep = _section(y)
    around = np.tile(azimuth, len(_ROWS))
    x, front = half * np.sin(around), deep * np.cos(around)
    row = np.repeat(np.arange(len(_ROWS)), len(t))
    mouth = np.flatnonzero((row == _ROWS.index(MOUTH_Y)) & (np.abs(x) < MOUTH_HALF))
    eyes = np.flatnonzero((row == _ROWS.index(EYE[1])) & (_arch(x) > 0))
    # The lower edge of a slit is a twin of the upper one, used by the triangles below.
    slit = np.concatenate([mouth, eyes])
    below = np.arange(len(x))
    below[slit] = len(x) + np.arange(len(slit))
    triangles = _grid(len(_ROWS), len(t))
    under = np.isin(row[triangles].min(1), (_ROWS.index(MOUTH_Y), _ROWS.index(EYE[1])))
    triangles[under] = below[triangles[under]]
    lip, lid = np.zeros(len(x) + len(slit)), np.zeros(len(x) + len(slit))
    lip[mouth], lip[below[mouth]] = 1, -1
    lid[eyes], lid[below[eyes]] = 1, -1
    x, y, front = (np.concatenate([v, v[slit]]) for v in (x, y, front))
    y = _open_lids(x, y, lid)
    z = front + np.where(front > 0, _features(x, y), 0)
    vertices = np.stack([x, y, z], 1)
    return _Part(vertices, triangles, _chart(vertices, SKIN), SKIN, _place(vertices, lip, lid))


def _open_lids(x: np.ndarray, y: np.ndarray, lid: np.ndarray) -> np.ndarray:
    """Heights (N,) with the rows around the eyes spread to an almond-shaped opening."""
    above = y - EYE[1]
    side = _known(lid, np.sign(above))
    rim = np.where(side > 0, _LID_UP, _LID_DOWN) * _arch(x)
    return y + side * rim * np.clip(1 - np.abs(above) / 1.8, 0, 1)


def _back() -> _Part:
    """The back of the head, from ear to ear."""
    around = np.linspace(_SIDE, 2 * np.pi - _SIDE, 15)
    y = np.repeat(_ROWS, len(around))
    half, deep = _section(y)
    angle = np.tile(around, len(_ROWS))
    # Deeper behind than in front, and no chin: a skull.
    rear = np.interp(y, (-13, -6, 0, 8, 12.4), (6.0, 5.5, 8.5, 9.0, 0.8))
    z = np.cos(angle) * np.where(np.cos(angle) < np.cos(_SIDE) * 1.001, rear, deep)
    edge = np.abs(np.abs(angle - np.pi) - (np.pi - _SIDE)) < 1e-6
    z = np.where(edge, deep * np.cos(angle), z)
    vertices = np.stack([half * np.sin(angle), y, z], 1)
    chart = _chart(vertices, BACK)
    chart[:, 0] = 1 + (angle - _SIDE) / (2 * np.pi - 2 * _SIDE)
    return _Part(vertices, _grid(len(_ROWS), len(around)), chart, BACK, _place(vertices))


def _eye(side: int) -> _Part:
    """An eyeball: its front three quarters."""
    lon, lat = np.meshgrid(
        np.radians(np.linspace(-115, 115, 17)), np.radians(np.linspace(85, -85, 13))
    )
    ball = np.stack([np.sin(lon) * np.cos(lat), np.sin(lat), np.cos(lon) * np.cos(lat)], -1)
    middle = np.array([side * EYE[0], EYE[1]])
    depth = float(_surface(middle[:1], middle[1:])[0]) - 1.3
    centre = np.array([*middle, depth])
    vertices = ball.reshape(-1, 3) * 1.45 + centre
    still = _still(_place(np.repeat(centre[None], len(vertices), 0)))
    material = EYE_LEFT if side > 0 else EYE_RIGHT
    return _Part(vertices, _grid(13, 17), np.zeros((len(vertices), 2)), material, still)


def _still(place: Place, jaw: float = 0.0) -> Place:
    """The same place without lips and lids, for what lies behind them."""
    zero = np.zeros_like(place.x)
    return Place(place.x, place.y, zero, zero, zero, zero + jaw)


def _teeth(side: int) -> _Part:
    """A row of teeth behind a lip: +1 the upper one, -1 the lower, which goes with the jaw."""
    x = np.linspace(-2.2, 2.2, 15)
    y = MOUTH_Y + side * np.array([1.2, 0.02] if side > 0 else [0.1, 1.2])
    xx, yy = np.meshgrid(x, y)
    z = float(_surface(np.zeros(1), np.array([MOUTH_Y]))[0]) - 0.75 - 0.28 * xx**2
    vertices = np.stack([xx, yy, z], -1).reshape(-1, 3)
    place = _still(_place(vertices), jaw=0.0 if side > 0 else 0.95)
    return _Part(vertices, _grid(2, 15), np.zeros((len(vertices), 2)), TEETH, place)


def _throat() -> _Part:
    """A dark bowl behind the teeth, so that an open mouth is not a hole."""
    xx, yy = np.meshgrid(np.linspace(-3.4, 3.4, 11), np.linspace(-0.5, -8.0, 9))
    deep = ((xx / 3.4) ** 2 + ((yy + 4.2) / 3.8) ** 2).clip(0, 1)
    vertices = np.stack([xx, yy, 4.5 + 1.5 * deep], -1).reshape(-1, 3)
    return _Part(
        vertices, _grid(9, 11), np.zeros((len(vertices), 2)), MOUTH, _still(_place(vertices))
    )


def _points() -> tuple[np.ndarray, Place]:
    """The 68 points (68, 3) on the surface, and how the fields see them."""
    jaw_y = np.array([3.6, 1.8, 0.0, -1.9, -3.9, -5.6, -6.7, -7.3, -7.6])
    jaw_a = np.radians([-82, -80, -78, -74, -66, -52, -36, -18, 0])
    half, deep = _section(jaw_y)
    jaw = np.stack([half * np.sin(jaw_a), jaw_y, deep * np.cos(jaw_a)], 1)
    jaw = np.concatenate([jaw, jaw[-2::-1] * (-1, 1, 1)])
    inner, outer = EYE[0] - 1.42, EYE[0] + 1.42
    lids = (EYE[0] - 0.5, EYE[0] + 0.5)
    up, down = (EYE[1] + s * float(_arch(np.array([lids[0]]))[0]) for s in (_LID_UP, -_LID_DOWN))
    brow = [(-6.0, 5.4), (-5.0, 6.1), (-3.8, 6.4), (-2.5, 6.2), (-1.3, 5.9)]
    nose = [(0, 4.0), (0, 2.7), (0, 1.5), (0, 0.3)]
    wings = [(-1.4, -1.0), (-0.7, -1.2), (0, -1.3), (0.7, -1.2), (1.4, -1.0)]
    eye = [
        (-outer, 3.5),
        (-lids[1], up),
        (-lids[0], up),
        (-inner, 3.5),
        (-lids[0], down),
        (-lids[1], down),
    ]
    mouth = [
        (-2.5, MOUTH_Y), (-1.5, -2.75), (-0.6, -2.5), (0, -2.6), (0.6, -2.5), (1.5, -2.75),
        (2.5, MOUTH_Y), (1.5, -4.05), (0.7, -4.3), (0, -4.35), (-0.7, -4.3), (-1.5, -4.05),
        (-2.2, MOUTH_Y), (-0.9, MOUTH_Y), (0, MOUTH_Y), (0.9, MOUTH_Y), (2.2, MOUTH_Y),
        (0.9, MOUTH_Y), (0, MOUTH_Y), (-0.9, MOUTH_Y),
    ]  # fmt: skip
    mirrored = [(-x, y) for x, y in brow[::-1]]
    left_eye = [(-eye[k][0], eye[k][1]) for k in (3, 2, 1, 0, 5, 4)]
    flat = np.array([*brow, *mirrored, *nose, *wings, *eye, *left_eye, *mouth], float)
    face = np.stack([flat[:, 0], flat[:, 1], _surface(flat[:, 0], flat[:, 1])], 1)
    points = np.concatenate([jaw, face])
    lip = np.zeros(68)
    lip[[*range(48, 55), *range(60, 65)]] = 1
    lip[[*range(55, 60), *range(65, 68)]] = -1
    return points, _place(points, lip)
