"""Where the model looks while it learns: what the reward `looked` is told beside the answers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facellm.core.facs import ACTION_UNITS
from facellm.core.grounding import compare_map, unit_map, unit_mask
from facellm.core.regions import REGIONS
from facellm.faces.region_masks import region_masks
from facellm.model import FaceLLMForConditionalGeneration, FaceLLMProcessor
from facellm.model.vision import view_points
from rl.prompts import LANDMARKS, Row
from rl.rewards.truth import known

Looks = dict[int, float]
"""Unit → share of its regions' attention inside these regions' masks."""


def looks(
    model: FaceLLMForConditionalGeneration, processor: FaceLLMProcessor, rows: Sequence[Row]
) -> list[Looks]:
    """Where the model looks at the face that each row asks about; equal rows are looked at once."""
    found: dict[str, Looks] = {}
    for row in rows:
        if row["truth"] not in found:
            found[row["truth"]] = _of_row(model, processor, row)
    return [found[row["truth"]] for row in rows]


def _of_row(model: FaceLLMForConditionalGeneration, processor: FaceLLMProcessor, row: Row) -> Looks:
    (image,) = row["images"]
    seen = processor.image_processor([image], [image.info[LANDMARKS]])
    slot = known(row["truth"]).truth.face - 1
    view = slot if processor.image_processor.views == "face" else 0
    device = next(model.parameters()).device
    maps = model.evidence_maps(
        seen["pixel_values"][view : view + 1].to(device),
        seen["landmarks"][view : view + 1].to(device),
    )[0, slot]
    return inside(
        maps.double().cpu().numpy(), view_points(seen["landmarks"][view, slot]).cpu().numpy()
    )


def inside(maps: NDArray[np.float64], points: NDArray[np.float32]) -> Looks:
    """The looks of one face.

    Args:
        maps: (15, G, G) read-out attention of each region token.
        points: (68, 2) in units of the view.
    """
    masks = region_masks(points, maps.shape[-1])
    regions = dict(zip(REGIONS, maps, strict=True))
    return {
        unit: compare_map(unit_map(regions, unit), unit_mask(masks, unit))[1]
        for unit in ACTION_UNITS
    }
