"""Does the model look where it says? Maps of attention against the masks of face regions.

For our own models the map is the read-out attention of the region tokens; for any model that can
be asked it is how much hiding each part of the face changes the answer (`eval.occlusion`).
Published networks reach an IoU of 0.27 on average and 0.33 at best against masks of Ekman's
regions (reference point, not a target: other masks, other pictures).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.question import Question
from facellm.core.facs import ACTION_UNITS, PRESENT
from facellm.core.grounding import Map, compare_map, unit_map, unit_mask
from facellm.core.regions import REGIONS
from facellm.core.statistics import Interval, cluster_mean
from facellm.faces import load_image
from facellm.faces.region_masks import region_masks


class Grounding(NamedTuple):
    """How well one map meets one mask."""

    subject_id: str
    unit: int
    iou: float
    """Of the mask and the strongest patches, as many as the mask has."""
    inside: float
    """Share of the map's weight inside the mask."""
    pointing: float
    """1 where the strongest patch is inside the mask."""


class Look(NamedTuple):
    """Where one of our models looks at one face."""

    image: Image.Image
    box: tuple[int, int, int, int]
    """The square the maps cover, in pixels of the image; may reach outside it."""
    maps: dict[str, Map]
    masks: NDArray[np.bool_]

    def weights(self, unit: int) -> Map:
        """See `unit_map`."""
        return unit_map(self.maps, unit)

    def mask(self, unit: int) -> NDArray[np.bool_]:
        """See `unit_mask`."""
        return unit_mask(self.masks, unit)


def look(reader: Any, question: Question) -> Look:
    """The read-out of the face asked about, which must have points, with its regions' masks."""
    face = question.sample.faces[question.face - 1]
    image = load_image(question.corpus / question.sample.image)
    [found] = reader.engine.evidence_maps(image, [face])
    maps = {name: np.asarray(rows, np.float64) for name, rows in found.regions.items()}
    x0, y0, x1, y1 = found.box
    points = (np.asarray(face.points) - (x0, y0)) / (x1 - x0, y1 - y0)
    return Look(image, found.box, maps, region_masks(points, len(maps[REGIONS[0]])))


def read_out_grounding(reader: Any, questions: Sequence[Question]) -> list[Grounding]:
    """The read-out of one of our models, for every unit that a face shows at 2 or more."""
    results = []
    for question in questions:
        face = question.sample.faces[question.face - 1]
        if face.points is None or not face.labels.action_units:
            continue
        seen = look(reader, question)
        for unit, intensity in face.labels.action_units.items():
            if intensity >= PRESENT and unit in ACTION_UNITS:
                numbers = compare_map(seen.weights(unit), seen.mask(unit))
                results.append(Grounding(question.subject_id, unit, *numbers))
    return results


def grounding_metrics(results: Sequence[Grounding]) -> dict[str, Interval]:
    """`iou`, `inside` and `pointing`, and `iou/AUn` of each unit; n counts units on faces."""
    names = ("iou", "inside", "pointing")
    numbers = {name: _mean(results, name) for name in names}
    for unit in sorted({result.unit for result in results}):
        numbers[f"iou/AU{unit}"] = _mean([r for r in results if r.unit == unit], "iou")
    return numbers


def _mean(results: Sequence[Grounding], name: str) -> Interval:
    return cluster_mean(
        [r.subject_id for r in results], [getattr(r, name) for r in results], share=True
    )
