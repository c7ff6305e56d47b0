"""What the tasks about action units share: reading, rounding and comparing intensities."""

import re
from collections.abc import Collection
from typing import Annotated

from pydantic import Field, RootModel, ValidationError

from facellm.core.agreement import set_f1
from facellm.core.facs import ACTION_UNITS, MAX_INTENSITY, PRESENT, PROTOCOLS
from facellm.core.grammar import first_error

RIG_UNITS = PROTOCOLS["rig23"].units
"""The units of a fully labelled face."""
RIG_SET = frozenset(RIG_UNITS)
LISTED_FROM = 1.0
"""Rounded intensity from which a unit is listed in an answer: a trace (FACS A) or stronger."""

Intensity = Annotated[float, Field(ge=0, le=MAX_INTENSITY, strict=True)]
_CODE = re.compile(r"AU0?([1-9][0-9]?)")


class UnitIntensities(RootModel[dict[str, Intensity]]):
    """FACS code → intensity 0-5, such as `{"AU6": 2, "AU12": 4}`."""


def read_units(value: object) -> dict[int, float] | str:
    """Units and intensities (0-5) from JSON such as `{"AU12": 3}`, or the reason why not."""
    try:
        given = UnitIntensities.model_validate(value).root
    except ValidationError as error:
        return first_error(error)
    units: dict[int, float] = {}
    for code, intensity in given.items():
        match = _CODE.fullmatch(code)
        if match is None or int(match[1]) not in ACTION_UNITS:
            return f"{code!r} is not a known action unit"
        if int(match[1]) in units:
            return f"AU{match[1]} is given twice"
        units[int(match[1])] = intensity
    return dict(sorted(units.items()))


def to_json(units: dict[int, float]) -> dict[str, object]:
    """Units with their codes as keys, in ascending order."""
    return {f"AU{n}": units[n] for n in sorted(units)}


def whole(intensity: float) -> float:
    """An intensity rounded to whole steps, halves upwards, as answers give them."""
    return float(int(intensity + 0.5))


def presence_f1(
    predicted: dict[int, float], gold: dict[int, float], rated: Collection[int] | None = None
) -> float:
    """F1 of the units at `PRESENT` or above, over the rated units (None: all); 1.0 if none are."""
    return set_f1(_present(predicted, rated), _present(gold, rated))


def intensity_agreement(
    predicted: dict[int, float], gold: dict[int, float], rated: Collection[int] | None = None
) -> float:
    """1 − mean |Δ| / 5 over the rated units that either side puts above 0; 1.0 if none are."""
    union = [
        n
        for n in sorted(set(predicted) | set(gold))
        if (rated is None or n in rated) and max(predicted.get(n, 0.0), gold.get(n, 0.0)) > 0
    ]
    if not union:
        return 1.0
    off = sum(abs(predicted.get(n, 0.0) - gold.get(n, 0.0)) for n in union)
    return 1.0 - off / len(union) / MAX_INTENSITY


def _present(units: dict[int, float], rated: Collection[int] | None) -> set[int]:
    return {n for n, value in units.items() if value >= PRESENT and (rated is None or n in rated)}
