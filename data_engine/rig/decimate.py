"""Thin a mesh out without moving it: fewer triangles over a subset of its own vertices.

A frame casts one ray a pixel, and most of its cost is building the ray accelerator, so a head of
52 000 triangles is thinned to a few thousand once. Quadric decimation invents new positions; each
is snapped to the nearest original vertex so that identity and expression deltas still apply.
"""

import fast_simplification
import numpy as np


def decimate(points: np.ndarray, triangles: np.ndarray, target: int) -> np.ndarray:
    """Triangles (T', 3) int32 over the vertex numbers of `points` (V, 3), about `target` of them.

    A mesh that is already small enough is returned as it is. Triangles that fold onto fewer than
    three vertices by the snapping are left out.
    """
    if len(triangles) <= target:
        return triangles.astype(np.int32)
    used, local = np.unique(triangles, return_inverse=True)
    local = local.reshape(-1, 3).astype(np.int32)
    moved, faces = fast_simplification.simplify(
        np.ascontiguousarray(points[used], np.float32), local, target_count=target
    )
    snapped = used[_nearest(moved, points[used])][faces]
    distinct = (
        (snapped[:, 0] != snapped[:, 1])
        & (snapped[:, 1] != snapped[:, 2])
        & (snapped[:, 0] != snapped[:, 2])
    )
    return snapped[distinct].astype(np.int32)


def _nearest(queries: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Index of the closest of `points` (N, 3) for each query (M, 3): brute force, once a head."""
    squared = (points**2).sum(1)
    blocks = np.array_split(queries, max(1, len(queries) // 512))
    return np.concatenate([(squared - 2 * block @ points.T).argmin(1) for block in blocks])
