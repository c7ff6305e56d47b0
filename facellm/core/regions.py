"""The fifteen face regions and where the 68 Multi-PIE points put them.

Left and right are the subject's. Twelve regions are subsets of the points; forehead and cheeks
have no points of their own and are affine constructions from neighbouring ones, so they follow
the face when it turns, tilts or changes size. Points are (x, y), y down.
"""

import numpy as np
from numpy.typing import NDArray

from facellm.core.errors import FaceLLMError

N_POINTS = 68
Points = NDArray[np.floating]

REGION_POINTS: dict[str, tuple[int, ...]] = {
    "forehead": (17, 19, 21, 22, 24, 26),
    "glabella": (21, 22, 27),
    "right_brow": tuple(range(17, 22)),
    "left_brow": tuple(range(22, 27)),
    "right_eye": tuple(range(36, 42)),
    "left_eye": tuple(range(42, 48)),
    "right_cheek": (1, 3, 31, 41, 36),
    "left_cheek": (15, 13, 35, 46, 45),
    "nose": tuple(range(27, 36)),
    "right_nasolabial": (31, 48, 49),
    "left_nasolabial": (35, 53, 54),
    "mouth": tuple(range(48, 60)),
    "inner_mouth": tuple(range(60, 68)),
    "chin": (6, 7, 8, 9, 10, 57),
    "jaw": tuple(range(17)),
}
"""The points each region is built from; its order is the order of the region tokens."""

REGIONS = tuple(REGION_POINTS)
CONSTRUCTED = ("forehead", "right_cheek", "left_cheek")
FOREHEAD_LIFT = 0.6
"""How far the forehead rises over the brows, in units of the brow-to-nose-tip distance."""
CHEEK_SHRINK = 0.75
"""The cheek is the polygon of its neighbours drawn towards its centre by this factor."""


def readable(region: str) -> str:
    """A region's name as people write it: `left_brow` → `left brow`."""
    return region.replace("_", " ")


def check_points(points: Points) -> NDArray[np.float32]:
    """Return points as float32 (68, 2).

    Raises:
        FaceLLMError: another shape, or values that are not finite.
    """
    array = np.asarray(points, dtype=np.float32)
    if array.shape != (N_POINTS, 2):
        raise FaceLLMError(
            f"landmarks have shape {array.shape}; expected (68, 2): Multi-PIE points as x, y pixels"
        )
    if not np.isfinite(array).all():
        raise FaceLLMError("landmarks hold NaN or infinite values; expected finite x, y pixels")
    return array


def _constructed(region: str, points: Points) -> Points:
    base = points[list(REGION_POINTS[region])]
    if region == "forehead":
        # Nose tip (30) to brows (mean of 21 and 22) is the face's own "up" and its scale.
        up = (points[21] + points[22]) / 2 - points[30]
        return np.concatenate([base, (base + FOREHEAD_LIFT * up)[::-1]])
    centre = base.mean(0)
    return np.asarray(centre + CHEEK_SHRINK * (base - centre))


def region_polygon(region: str, points: Points) -> Points:
    """The outline of a region as points (K, 2) in the given points' frame, not necessarily convex.

    The jaw and the three-point regions are thin: take the convex hull, and widen it, to fill them.
    """
    if region in CONSTRUCTED:
        return _constructed(region, points)
    return np.asarray(points[list(REGION_POINTS[region])])


def region_centroids(points: Points) -> Points:
    """Mean of each region's outline, (15, 2), in the order of `REGIONS`."""
    return np.stack([region_polygon(region, points).mean(0) for region in REGIONS])


def face_scale(points: Points) -> float:
    """Inter-ocular distance: between the centres of the two eyes, in the points' units."""
    return float(np.linalg.norm(points[36:42].mean(0) - points[42:48].mean(0)))
