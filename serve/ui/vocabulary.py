"""What the page must know of facellm's vocabulary, as one JSON object.

The page's own code holds no table of units, regions or columns: they would drift apart.
"""

from typing import Any

from facellm.core.emotions import EMOTIONS
from facellm.core.evidence import FACE_ORDER, PAIRS, region_name
from facellm.core.facs import ACTION_UNITS, MAX_INTENSITY, PRESENT
from facellm.core.fex import COLUMNS, PROBABLE
from facellm.core.regions import CHEEK_SHRINK, FOREHEAD_LIFT, REGION_POINTS
from facellm.faces.track import FORGET, LIKE, NEAR, OVERLAP


def vocabulary() -> dict[str, Any]:
    """Regions, action units, emotions, table columns and the constants of following faces."""
    units = {
        au.code: {"number": au.number, "name": au.name, "regions": au.regions}
        for au in ACTION_UNITS.values()
    }
    return {
        "regions": REGION_POINTS,
        "forehead_lift": FOREHEAD_LIFT,
        "cheek_shrink": CHEEK_SHRINK,
        "pairs": PAIRS,
        "region_names": {region: region_name(region) for region in FACE_ORDER},
        "units": units,
        "max_intensity": MAX_INTENSITY,
        "present": PRESENT,
        "emotions": EMOTIONS,
        "columns": list(COLUMNS),
        "probable": PROBABLE,
        "tracking": {"overlap": OVERLAP, "near": NEAR, "like": LIKE, "forget": FORGET},
    }
