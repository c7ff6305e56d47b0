"""Small geometry on the deformed head: normals, eyeballs, hair volume, openness, visibility."""

import numpy as np

from data_engine.rig.camera import Camera, project, rotation, unit
from data_engine.rig.cast import Hits, Scene
from data_engine.rig.head import EYE_LEFT, EYE_RIGHT, MOUTH, TEETH, MorphableHead, Person


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals (V, 3) float32; counter-clockwise triangles face outwards."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    corner = triangles.ravel()
    spread = np.repeat(face, 3, axis=0)
    out = np.stack(
        [np.bincount(corner, spread[:, k], minlength=len(vertices)) for k in range(3)], 1
    ).astype(np.float32)
    return unit(out)


def eye_chart(head: MorphableHead) -> np.ndarray:
    """The head's chart with eye vertices replaced by their offset from the eye's axis, in radii."""
    chart = head.chart.copy()
    for material in (EYE_LEFT, EYE_RIGHT):
        ids = head.vertices_of(material)
        ball = head.rest[ids]
        low, high = ball.min(0), ball.max(0)
        radius = (high - low)[:2].max() / 2
        offset = (ball - (low + high) / 2)[:, :2] / radius
        # Behind the equator the offset would come back to zero and paint a second iris.
        behind = ball[:, 2] < (low + high)[2] / 2
        offset[behind] /= np.maximum(np.linalg.norm(offset[behind], axis=1), 1e-3)[:, None]
        chart[ids] = offset
    return chart


def roll_eyes(
    vertices: np.ndarray,
    person: Person,
    eye_vertices: dict[int, np.ndarray],
    gaze: tuple[float, float],
) -> None:
    """Turn both eyeballs in place as rigid balls; shapes must not bend them."""
    turn = rotation(gaze[0], gaze[1], 0.0)
    for material, ids in eye_vertices.items():
        centre = person.eye_centres[material]
        vertices[ids] = (person.rest[ids] - centre) @ turn.T + centre


def lid_weights(gaze: tuple[float, float]) -> dict[str, float]:
    """Shapes by which the lids follow the eyes; full at about 35 degrees."""
    pitch, yaw = gaze[0] / 0.6, gaze[1] / 0.6
    up, down = min(1.0, max(0.0, pitch)), min(1.0, max(0.0, -pitch))
    right, left = min(1.0, max(0.0, yaw)), min(1.0, max(0.0, -yaw))
    return {
        "eyeLookUp_L": up, "eyeLookUp_R": up, "eyeLookDown_L": down, "eyeLookDown_R": down,
        "eyeLookIn_L": right, "eyeLookOut_R": right, "eyeLookOut_L": left, "eyeLookIn_R": left,
    }  # fmt: skip


def openness(head: MorphableHead, rays_per_vertex: int = 48) -> np.ndarray:
    """Share of the sky each vertex of the neutral head sees, (V,) float32; made once a head.

    Teeth and mouth see nothing behind closed lips; they darken with depth instead.
    """
    normals = vertex_normals(head.rest, head.triangles)
    scene = Scene(head.rest, head.triangles)
    rng = np.random.default_rng(0)
    hidden = np.zeros(len(head.rest), np.float32)
    start = (head.rest + 0.05 * normals).astype(np.float32)
    for _ in range(rays_per_vertex):
        away = rng.standard_normal(head.rest.shape).astype(np.float32)
        away = away / np.linalg.norm(away, axis=1, keepdims=True) + normals
        hidden += scene.blocked(start, away)
    out = np.maximum(0.15, 1 - hidden / rays_per_vertex)
    for ids in (head.vertices_of(MOUTH), head.vertices_of(TEETH)):
        if len(ids):
            depth = head.rest[ids, 2].max() - head.rest[ids, 2]
            out[ids] = np.clip(0.9 - 0.22 * depth, 0.05, 0.9)
    return out.astype(np.float32)


def hair_lift(head: MorphableHead, hair: np.ndarray, volume: float, seed: int) -> np.ndarray:
    """Offsets (V, 3) that raise the scalp to the hair's surface; `hair` (V,) in [0, 1]."""
    rng = np.random.default_rng(seed)
    # A few random waves make tufts; the phase is over space, so neighbours move together.
    waves = rng.normal(0, 0.9, (4, 3)).astype(np.float32)
    tufts = np.sin(head.rest @ waves.T + rng.uniform(0, 6, 4)).mean(1)
    normals = vertex_normals(head.rest, head.triangles)
    return (normals * (hair * volume * (1 + 0.6 * tufts))[:, None]).astype(np.float32)


def visible_points(
    scene: Scene, points: np.ndarray, camera: Camera, size: int, slack: float = 0.5
) -> np.ndarray:
    """Which of the points (N, 3) the camera sees, (N,) bool: in the frame, nothing in between."""
    eye = np.array([0, 0, camera.distance], np.float32)
    away = (points - eye).astype(np.float32)
    hits: Hits = scene.cast(eye, away)
    gap = (1 - np.minimum(hits.distance, 2)) * np.linalg.norm(away, axis=1)
    pixels = project(camera, points, size)
    inside = ((pixels >= -0.5) & (pixels < size - 0.5)).all(1)
    return inside & ((hits.triangle < 0) | (gap < slack))
