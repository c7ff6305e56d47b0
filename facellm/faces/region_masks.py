"""Where each face region lies on a grid of patches: what attention ought to fall on."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facellm.core.regions import REGIONS, face_scale, region_polygon

FINE = 4
"""Each patch is drawn as this many pixels a side and averaged."""
STROKE = 0.12
"""Width of an outline in inter-ocular distances: thin regions are strips, not lines."""
COVERED = 0.25
"""Share of a patch that a region must cover for the patch to belong to it."""


def region_masks(points: NDArray[np.floating], grid: int) -> NDArray[np.bool_]:
    """Which patches belong to which region.

    Args:
        points: (68, 2), x and y in [0, 1] of the view; a face may reach outside.
        grid: G, patches along a side of the view.

    Returns:
        (15, G, G) in the order of `REGIONS`, rows from the top. A region outside the view is
        empty; one that covers no patch by a quarter gets the patch it covers most.
    """
    size = grid * FINE
    pixels = np.clip(points, -1, 2) * size
    width = max(1, round(STROKE * face_scale(pixels)))
    masks = np.zeros((len(REGIONS), grid, grid), dtype=bool)
    for row, region in enumerate(REGIONS):
        outline = region_polygon(region, pixels).round().astype(np.int32)
        canvas = np.zeros((size, size), np.uint8)
        if region == "jaw":  # a strip along the outline; its hull would be the lower face
            cv2.polylines(canvas, [outline], False, 1, width)
        else:
            hull = cv2.convexHull(outline)
            cv2.fillConvexPoly(canvas, hull, 1)
            cv2.polylines(canvas, [hull], True, 1, width)
        share = canvas.reshape(grid, FINE, grid, FINE).mean((1, 3))
        masks[row] = share >= min(COVERED, max(share.max(), 1e-9))
    return masks
