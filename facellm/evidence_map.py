"""Where the model looked: the read-out attention of each region token, as a record."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from facellm.core.evidence import region_members
from facellm.core.regions import REGIONS
from facellm.core.report import Evidence
from facellm.core.sample import Record


class EvidenceMap(Record):
    """The maps of one face."""

    face: int = Field(ge=1)
    """1-based, from left to right."""
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the square the maps cover, in pixels; may reach outside the picture."""
    regions: dict[str, list[list[float]]]
    """Region → G rows of G weights from the top left; each map sums to 1."""

    @classmethod
    def of(
        cls, face: int, box: tuple[int, int, int, int], attention: NDArray[np.floating]
    ) -> "EvidenceMap":
        """From an array (15, G, G) in the order of `REGIONS`."""
        rounded = np.asarray(attention, np.float64).round(6)
        return cls(face=face, box=box, regions=dict(zip(REGIONS, rounded.tolist(), strict=True)))

    def seen(self, evidence: Iterable[Evidence] = ()) -> NDArray[np.float64]:
        """One map (G, G), its maximum 1: where the cited regions looked, all if none is cited."""
        cited = [region for line in evidence for region in region_members(line.region)]
        names = [region for region in cited if region in self.regions] or list(self.regions)
        total = np.sum([self.regions[name] for name in names], axis=0)
        scaled: NDArray[np.float64] = total / (total.max() or 1.0)
        return scaled
