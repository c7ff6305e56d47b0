"""From MediaPipe's 478 mesh points to the 68 Multi-PIE points.

Multi-PIE counts from the left of the picture, where the subject's right side is: point 0 is by the
subject's right ear, the right eye is 36-41, the left eye 42-47. Along jaw, nose and lips the mesh
has more points than are needed; those chosen lie nearest to where a rendered morphable head, whose
68 points are exact, has them.
"""

import numpy as np

from facellm.core.regions import Points

MESH_TO_68: dict[str, tuple[int, ...]] = {
    "jaw": (127, 234, 93, 132, 172, 150, 149, 148, 152, 377, 378, 379, 397, 361, 323, 454, 356),
    "right_brow": (70, 63, 105, 66, 107),
    "left_brow": (336, 296, 334, 293, 300),
    "nose_bridge": (168, 6, 195, 4),
    "nose_base": (98, 97, 2, 326, 327),
    "right_eye": (33, 160, 158, 133, 153, 144),
    "left_eye": (362, 385, 387, 263, 373, 380),
    "mouth": (61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91),
    "inner_mouth": (78, 81, 13, 311, 308, 402, 14, 178),
}
"""Mesh indices in the order of the 68 points."""

MESH_INDEX = np.array([index for part in MESH_TO_68.values() for index in part])

MIRROR_68 = np.array(
    [
        *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
        45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
        54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
    ]
)  # fmt: skip
"""`points[MIRROR_68]` renames the points of a mirrored picture."""


def mesh_to_68(mesh: Points) -> Points:
    """Pick the 68 points from mesh points (478, 2), or the 468 without irises."""
    return np.take(mesh, MESH_INDEX, axis=0)
