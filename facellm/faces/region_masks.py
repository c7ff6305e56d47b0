"""Where each face region lies, in pixels and on a grid of patches: what attention ought to hit."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facellm.core.regions import REGIONS, face_scale, region_polygon

THIN = {"glabella", "jaw", "right_nasolabial", "left_nasolabial", "right_brow", "left_brow"}
WIDTH = 0.14
"""What thin regions are widened by, in inter-ocular distances."""
FINE = 4
"""Each patch is drawn as this many pixels a side and averaged."""
COVERED = 0.25
"""Share of a patch that a region must cover for the patch to belong to it."""


def pixel_masks(points: NDArray[np.floating], size: int) -> dict[str, NDArray[np.bool_]]:
    """{region: (size, size) bool} from the 68 points (68, 2): convex hulls, thin ones widened.

    The jaw is the band along the contour, not the face it encloses.
    """
    width = max(1, round(WIDTH * face_scale(points)))
    masks = {}
    for region in REGIONS:
        polygon = np.int32(np.round(np.asarray(region_polygon(region, points)) * 8))
        mask = np.zeros((size, size), np.uint8)
        if region == "jaw":
            cv2.polylines(mask, [polygon], False, 1, 2 * width, cv2.LINE_8, 3)
        else:
            cv2.fillConvexPoly(mask, cv2.convexHull(polygon), 1, cv2.LINE_8, 3)
        if region in THIN and region != "jaw":
            mask = cv2.dilate(mask, np.ones((width, width), np.uint8))
        masks[region] = mask.astype(bool)
    return masks


def region_masks(points: NDArray[np.floating], grid: int) -> NDArray[np.bool_]:
    """Which patches belong to which region.

    Args:
        points: (68, 2), x and y in [0, 1] of the view; a face may reach outside.
        grid: G, patches along a side of the view.

    Returns:
        (15, G, G) in the order of `REGIONS`, rows from the top. A region outside the view is
        empty; one that covers no patch by a quarter gets the patch it covers most.
    """
    pixels = pixel_masks(np.clip(points, -1, 2) * grid * FINE, grid * FINE)
    masks = np.zeros((len(REGIONS), grid, grid), dtype=bool)
    for row, region in enumerate(REGIONS):
        share = pixels[region].reshape(grid, FINE, grid, FINE).mean((1, 3))
        masks[row] = share >= min(COVERED, max(share.max(), 1e-9))
    return masks
