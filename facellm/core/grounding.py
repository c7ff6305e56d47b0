"""How well a map of attention meets the mask of a region: one definition for all who measure it."""

import numpy as np
from numpy.typing import NDArray

from facellm.core.facs import ACTION_UNITS
from facellm.core.regions import REGIONS

Map = NDArray[np.float64]


def compare_map(weights: Map, mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """IoU, share inside and pointing of a map (G, G) ≥ 0 against a mask (G, G).

    For the IoU the map is cut at as many patches as the mask has, so that no threshold needs to
    be chosen; a map that is zero throughout hits nothing. Pointing is 1 where the strongest patch
    is inside the mask (the pointing game, Zhang et al., 2016).
    """
    total, size = weights.sum(), int(mask.sum())
    if total <= 0 or not size:
        return 0.0, 0.0, 0.0
    chosen = np.zeros(mask.size, dtype=bool)
    chosen[np.argsort(-weights, axis=None, kind="stable")[:size]] = True
    both = int((chosen.reshape(mask.shape) & mask).sum())
    inside = float(weights[mask].sum() / total)
    return both / (2 * size - both), inside, float(mask.flat[int(weights.argmax())])


def unit_map(regions: dict[str, Map], unit: int) -> Map:
    """The maps of the regions of an action unit, added up; each region counts alike."""
    return np.asarray(np.sum([regions[name] for name in ACTION_UNITS[unit].regions], axis=0))


def unit_mask(masks: NDArray[np.bool_], unit: int) -> NDArray[np.bool_]:
    """The union of the masks (15, G, G) of the regions of an action unit."""
    rows = [REGIONS.index(name) for name in ACTION_UNITS[unit].regions]
    return np.asarray(masks[rows].any(0))
