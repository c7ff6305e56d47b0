"""What the sets coded by FACS share: which units we know, what an occurrence means, frame files.

Units outside the table of `facellm.core.facs` (head and eye movements, AU19, AU32, …) have no
region and no words here and are left out of the labels.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from data_engine.sources.base import PICTURES
from data_engine.sources.table import Once
from facellm.core.errors import FaceLLMError
from facellm.core.facs import ACTION_UNITS, PRESENT
from facellm.core.sample import FaceLabels

OCCURS = PRESENT
"""Intensity stated for a unit whose coders said that it acts and not how strongly: the least that
every protocol counts as present. Such a unit is named in `FaceLabels.presence_only`."""


def coded(
    occurrences: Mapping[int, float],
    intensities: Mapping[int, float] = {},
    weak: bool = False,
) -> FaceLabels:
    """The labels of a face: the units of our table, in ascending order.

    Args:
        occurrences: unit → 0 or `OCCURS`.
        intensities: unit → 0-5; where a unit has both, this is the label.
        weak: whether a tool coded them.
    """
    units = {**occurrences, **intensities}
    known = {number: units[number] for number in sorted(units) if number in ACTION_UNITS}
    return FaceLabels(
        action_units=known,
        presence_only=frozenset(known) - set(intensities),
        weak=frozenset({"action_units"} if weak else ()),
    )


def numbered_pictures(folder: Path) -> dict[int, Path]:
    """Frame number → picture: the number is the last run of digits in the file's name.

    Raises:
        FaceLLMError: two pictures of one number.
    """
    found: dict[int, Path] = {}
    once = Once()
    for file in sorted(folder.iterdir()):
        digits = re.findall(r"\d+", file.stem)
        if file.suffix.lower() in PICTURES and digits:
            number = int(digits[-1])
            once.see(number, f"{folder.name}/{file.name}")
            found[number] = file
    return found


def only_folder(parent: Path, part: str) -> Path:
    """The one folder directly in `parent` whose name contains `part`.

    Raises:
        FaceLLMError: none or several.
    """
    found = sorted(p for p in parent.iterdir() if p.is_dir() and part in p.name)
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise FaceLLMError(f"{parent}: expected one folder named after {part}, found {names}")
    return found[0]
