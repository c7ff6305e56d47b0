"""Ray casting with Embree: which triangle a pixel sees, and whether a point is in shadow."""

from typing import NamedTuple

import numpy as np

from facellm.core.errors import FaceLLMError

try:
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene
except ImportError as error:
    raise FaceLLMError(
        "the rig casts rays with embreex, which is not installed; run: pip install 'facellm[rig]'"
    ) from error


class Hits(NamedTuple):
    """What N rays met."""

    triangle: np.ndarray
    """(N,) int32, -1 for a miss."""
    bary: np.ndarray
    """(N, 3) float32, weights of the triangle's corners."""
    distance: np.ndarray
    """(N,) float32 in lengths of the ray's direction; large for a miss."""


class Scene:
    """Triangles ready to be hit by rays."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, vertices.astype(np.float32), triangles.astype(np.int32))

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """First triangle along each ray; origins (N, 3) or (3,), directions (N, 3), float32."""
        origins = np.ascontiguousarray(np.broadcast_to(origins, directions.shape), np.float32)
        got = self._scene.run(origins, directions, output=1)
        u, v = got["u"], got["v"]
        return Hits(got["primID"], np.stack([1 - u - v, u, v], 1), got["tfar"])

    def blocked(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Whether anything lies along each ray, (N,) bool."""
        directions = np.ascontiguousarray(
            np.broadcast_to(directions, origins.shape), dtype=np.float32
        )
        return self._scene.run(origins, directions, query="OCCLUDED") >= 0
