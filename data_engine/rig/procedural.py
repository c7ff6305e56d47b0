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
    MOUTH_HALF,
    MOUTH_Y,
    Field,
    Place,
    identity_fields,
    shape_fields,
)

_SIDE = np.radians(105.0)  # azimuth where the face's sheet meets the back's
_LOW, _HIGH = -13.0, 12.4
_EYE_HALF, _LID_UP, _LID_DOWN = 1.5, 0.62, 0.45


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
    named, people = list(shapes.values()), identity_fields()
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
        identity_delta=np.concatenate([_apply(people, p.place) for p in parts], 1).reshape(
            len(people), -1
        ),
        shape_names=tuple(shapes),
        shape_delta=np.concatenate([_apply(named, p.place) for p in parts], 1).reshape(
            len(named), -1
        ),
        points_rest=points.astype(np.float32),
        points_identity=_apply(people, points_place).reshape(len(people), -1),
        points_shape=_apply(named, points_place).reshape(len(named), -1),
        points_chart=_chart(points, SKIN).astype(np.float32),
    )


def _apply(fields: list[Field], place: Place) -> np.ndarray:
    """Displacements (fields, N, 3) float32."""
    return np.stack([np.stack(field(place), 1) for field in fields]).astype(np.float32)


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
    vertices: np.ndarray, lip_flag: np.ndarray | None = None, lid_flag: np.ndarray | None = None
) -> Place:
    """Describe positions to the fields; flags say on which side of a slit a vertex lies."""
    x, y = vertices[:, 0], vertices[:, 1]
    zero = np.zeros(len(x))
    lip_side = np.where(lip_flag != 0, lip_flag, np.sign(y - MOUTH_Y)) if lip_flag is not None else np.sign(y - MOUTH_Y)
    near_lip = np.exp(-((np.maximum(np.abs(y - MOUTH_Y) - 0.6, 0) / 0.9) ** 2))
    inside = np.clip(1 - (x / (MOUTH_HALF * 1.1)) ** 2, 0, 1) ** 0.5
    from_eye = np.abs(x) - EYE[0]
    arch = np.clip(1 - (from_eye / _EYE_HALF) ** 2, 0, 1)
    above = y - EYE[1]
    lid_side = np.where(lid_flag != 0, lid_flag, np.sign(above)) if lid_flag is not None else np.sign(above)
    rim = np.where(lid_side > 0, _LID_UP, _LID_DOWN) * arch
    near_lid = np.exp(-((np.maximum(np.abs(above) - rim, 0) / 0.45) ** 2)) * np.sqrt(arch)
    below = 1 / (1 + np.exp(5 * (y - MOUTH_Y + 0.1)))
    below = np.where(lip_flag == 0, below, lip_flag < 0) if lip_flag is not None else below
    neck = np.clip((y + 10.5) / 2.5, 0, 1)
    # The corners of the mouth and the cheeks go half way with the jaw, the ears not at all.
    reach = np.clip((vertices[:, 2] + 1) / 8, 0, 1)
    side = np.clip((np.abs(x) - 1.8) / 4, 0, 1) * np.clip(1 - (MOUTH_Y - y) / 4, 0, 1)
    del zero
    return Place(
        x=x,
        y=y,
        lip=lip_side * near_lip * inside,
        lid=lid_side * near_lid,
        opening=(_LID_UP + _LID_DOWN) * arch,
        jaw=below * neck * reach * (1 - 0.7 * side),
    )


def _grid(rows: int, columns: int) -> np.ndarray:
    """Triangles of a grid of vertices, counter-clockwise when columns go right and rows go down."""
    r, c = np.mgrid[: rows - 1, : columns - 1]
    a = r * columns + c
    quads = np.stack([a, a + columns, a + columns + 1, a, a + columns + 1, a + 1], -1)
    return quads.reshape(-1, 3)


def _face() -> _Part:
    """The sheet of the face, slit along eyes and mouth."""
    t = np.linspace(-1, 1, 57)
    azimuth = _SIDE * (0.62 * t + 0.38 * t**3)
    ys = np.concatenate(
        [
            [12.4, 12.0, 11.2, 10.2, 9.2, 8.3, 7.6, 7.0, 6.5, 6.0, 5.5, 5.0, 4.6, 4.2, 3.85],
            [EYE[1], 3.25, 2.9, 2.5, 2.0, 1.4, 0.8, 0.2, -0.4, -0.9, -1.3, -1.8, -2.3, -2.7, -3.05],
            [MOUTH_Y, -3.65, -4.0, -4.4, -5.0, -5.7, -6.4, -7.0, -7.5, -8.0, -8.5, -9.5, -11.0, _LOW],
        ]
    )
    columns = len(azimuth)
    y = np.repeat(ys, columns)
    half, deep = _section(y)
    a = np.tile(azimuth, len(ys))
    x, z = half * np.sin(a), deep * np.cos(a)
    z = z + np.where(z > 0, _features(x, y), 0)
    triangles = _grid(len(ys), columns)
    lip, lid = np.zeros(len(x)), np.zeros(len(x))
    eye_row, mouth_row = int(np.argmin(abs(ys - EYE[1]))), int(np.argmin(abs(ys - MOUTH_Y)))
    slits = [
        (mouth_row, np.abs(x) < MOUTH_HALF, lip),
        (eye_row, np.abs(np.abs(x) - EYE[0]) < _EYE_HALF, lid),
    ]
    number = np.arange(len(x))
    for row, within, flag in slits:
        on = (number // columns == row) & within
        flag[on] = 1
        twins = np.flatnonzero(on)
        renamed = np.arange(len(x))
        renamed[twins] = len(flag) + np.arange(len(twins))
        under = triangles[: len(triangles)]  # the original sheet: twins are appended behind it
        lower = (np.arange(len(triangles)) // (2 * (columns - 1))) >= row
        triangles = np.where(lower[:, None], _rename(under, renamed, len(x)), triangles)
        x, y, z = (np.append(v, v[twins]) for v in (x, y, z))
        lip, lid = (np.append(f, np.where(f is flag, -1.0, 0.0) * np.ones(len(twins))) for f in (lip, lid))
        number = np.append(number, np.full(len(twins), -columns))
        slits = slits
    vertices = np.stack([x, y, z], 1)
    return _Part(vertices, triangles, _chart(vertices, SKIN), SKIN, _place(vertices, lip, lid))


def _rename(triangles: np.ndarray, renamed: np.ndarray, count: int) -> np.ndarray:
    return np.where(triangles < count, renamed[np.minimum(triangles, count - 1)], triangles)
