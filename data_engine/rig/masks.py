"""Region masks: which pixels belong to each of the fifteen face regions."""

import cv2
import numpy as np

from facellm.core.regions import REGIONS, face_scale, region_polygon

_THIN = {"glabella", "jaw", "right_nasolabial", "left_nasolabial", "right_brow", "left_brow"}


def region_masks(points: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """{region: (size, size) bool} from the 68 points (68, 2): convex hulls, thin ones widened.

    The jaw is the band along the contour, not the face it encloses.
    """
    width = max(1, round(0.14 * face_scale(points)))
    out = {}
    for region in REGIONS:
        polygon = np.int32(np.round(np.asarray(region_polygon(region, points)) * 8))
        mask = np.zeros((size, size), np.uint8)
        if region == "jaw":
            cv2.polylines(mask, [polygon], False, 1, 2 * width, cv2.LINE_8, 3)
        else:
            cv2.fillConvexPoly(mask, cv2.convexHull(polygon), 1, cv2.LINE_8, 3)
        if region in _THIN and region != "jaw":
            mask = cv2.dilate(mask, np.ones((width, width), np.uint8))
        out[region] = mask.astype(bool)
    return out
