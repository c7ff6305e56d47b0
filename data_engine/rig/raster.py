"""From a posed mesh to the surface every pixel sees: culling, rays, interpolation, shadow.

Rays are cast for a frame OVERSAMPLE times larger, only inside the box around the head.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from data_engine.rig.camera import Camera, direction, dot, project, rays, unit
from data_engine.rig.cast import Hits, Scene
from data_engine.rig.head import HAIR
from data_engine.rig.shade import Surface
from data_engine.rig.spec import Light

OVERSAMPLE = 1.35
"""Rays per pixel and axis; the frame is averaged down for smooth edges."""


@dataclass(frozen=True)
class Mesh:
    """The posed head and what is worn, in camera space."""

    vertices: np.ndarray
    """(V, 3) float32."""
    triangles: np.ndarray
    """(T, 3) int32."""
    material: np.ndarray
    """(T,) uint8."""
    attributes: np.ndarray
    """(V, 6) float32: unit normal, chart, openness."""


@dataclass(frozen=True)
class View:
    """The rays of a frame and what they met; h x w rays cover the head."""

    grid: np.ndarray
    """(h, w, 2) float32 pixels of the larger frame."""
    away: np.ndarray
    """(h * w, 3) float32 directions."""
    eye: np.ndarray
    """(3,) float32, where they start."""
    hits: Hits
    seen: np.ndarray
    """Numbers of the rays that met something, (N,)."""


def facing(vertices: np.ndarray, triangles: np.ndarray, camera: Camera) -> np.ndarray:
    """Which triangles turn their outside to the camera, (T,) bool.

    Only these can be seen; leaving the others out halves the cost of building the scene.
    """
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    eye = np.array([0, 0, camera.distance], np.float32)
    return dot(eye - a, np.cross(b - a, c - a)) > 0


def look_at(scene: Scene, mesh: Mesh, camera: Camera, size: int) -> View:
    """Cast the rays of a frame of `size` pixels."""
    side = round(size * OVERSAMPLE)
    pixels = project(camera, mesh.vertices, side)
    low = np.clip(np.floor(pixels.min(0)), 0, side - 2).astype(int)
    high = np.clip(np.ceil(pixels.max(0)) + 1, low + 2, side).astype(int)
    grid = np.stack(np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1])), -1)
    grid = grid.astype(np.float32)
    away = rays(camera, grid.reshape(-1, 2), side)
    eye = np.array([0, 0, camera.distance], np.float32)
    hits = scene.cast(eye, away)
    return View(grid, away, eye, hits, np.flatnonzero(hits.triangle >= 0))


def surface_of(mesh: Mesh, view: View) -> Surface:
    """Interpolate the mesh's attributes at the pixels that hit it; all light arrives."""
    triangle, bary = view.hits.triangle[view.seen], view.hits.bary[view.seen]
    corner = mesh.triangles[triangle]
    values = mesh.attributes[corner[:, 0]] * bary[:, :1]
    for k in (1, 2):
        values += mesh.attributes[corner[:, k]] * bary[:, k : k + 1]
    material = mesh.material[triangle]
    back = unit(-view.away[view.seen])
    normal = unit(values[:, :3])
    # Hair is an open sheet: its inside faces the camera too.
    inside_out = (material == HAIR) & (dot(normal, back) < 0)
    normal[inside_out] *= -1
    return Surface(
        material=material,
        chart=values[:, 3:5],
        normal=normal,
        view=back,
        open_sky=0.25 + 0.75 * values[:, 5],
        lit=0.4 + 0.6 * np.sqrt(np.clip(values[:, 5], 0, 1)),
    )


def shadow(scene: Scene, view: View, normal: np.ndarray, light: Light) -> np.ndarray:
    """Share of the key light that reaches each seen pixel (N,), softened in the picture."""
    reach = view.hits.distance[view.seen, None] * np.float32(0.999)
    start = view.eye + view.away[view.seen] * reach + np.float32(0.12) * normal
    towards = direction(light.pitch, light.yaw)
    lit = np.ones(len(view.away), np.float32)
    lit[view.seen] = 1 - 0.85 * scene.blocked(start.astype(np.float32), towards)
    height, width = view.grid.shape[:2]
    soft = cv2.GaussianBlur(lit.reshape(height, width), (0, 0), 1.4)
    return soft.ravel()[view.seen]


def develop(view: View, colour: np.ndarray, size: int) -> np.ndarray:
    """Put the seen pixels' display colours (N, 3) into a frame (size, size, 4), colour x alpha."""
    height, width = view.grid.shape[:2]
    layer = np.zeros((height * width, 4), np.float32)
    layer[view.seen, :3] = colour
    layer[view.seen, 3] = 1
    layer = _close_gaps(layer.reshape(height, width, 4))
    side = round(size * OVERSAMPLE)
    full = np.zeros((side, side, 4), np.float32)
    x, y = view.grid[0, 0].astype(int)
    full[y : y + height, x : x + width] = layer
    return cv2.resize(full, (size, size), interpolation=cv2.INTER_AREA)


def _close_gaps(layer: np.ndarray) -> np.ndarray:
    """Fill pinholes between triangles of a layer (h, w, 4) from their neighbours."""
    alpha = layer[..., 3]
    closed = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    holes = (closed > 0) & (alpha == 0)
    if holes.any():
        around = cv2.blur(layer, (5, 5))
        layer[holes] = around[holes] / np.maximum(around[holes, 3:], 1e-3)
    return layer
