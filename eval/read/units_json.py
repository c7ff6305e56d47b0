"""Action units in JSON of any shape: `{"AU6": 2}`, `["AU6"]`, `[{"au": 6, "intensity": "B"}]`."""

import re
from collections.abc import Mapping

from eval.read.labels import fail
from eval.read.unit_values import LETTERS, WORDS, Value
from facellm.core.facs import MAX_INTENSITY
from facellm.core.grammar import ParseFailure

_CODE = re.compile(r"(?:AU|action unit)?[\s_]*0*([0-9]{1,3})(?:_[rc])?", re.I)
_NAMES = ("au", "unit", "action_unit", "code", "number")
_VALUES = ("intensity", "value", "strength", "level", "present", "active")
_WRAPPERS = (
    "action_units", "aus", "units", "intensities", "au_intensities", "active_aus", "answer",
    "detected_aus", "active_action_units", "au",
)  # fmt: skip

Found = list[tuple[int, Value]]


def units_from_json(value: object) -> Found | ParseFailure:
    """Number and intensity (None: present without one) of every unit in a JSON value."""
    if isinstance(value, dict):
        return _from_object({str(k).strip(): v for k, v in value.items()})
    if isinstance(value, list | tuple):
        return _from_list(value)
    return fail("the JSON holds no action units")


def _from_object(value: Mapping[str, object]) -> Found | ParseFailure:
    codes = {key: _CODE.fullmatch(key) for key in value}
    if all(codes.values()):
        found: Found = []
        for key, match in codes.items():
            intensity = _intensity(value[key])
            if isinstance(intensity, ParseFailure):
                return intensity
            found.append((int(match[1]) if match else 0, intensity))
        return found
    names = [k for k in value if k.lower().replace(" ", "_") in _NAMES]
    if len(names) == 1 and not isinstance(value[names[0]], list | dict):
        return _named(value, names[0])
    wrapped = [k for k in value if k.lower().replace(" ", "_") in _WRAPPERS]
    if len(wrapped) == 1:
        return units_from_json(value[wrapped[0]])
    return fail("the JSON holds no action units, or several lists of them")


def _named(value: Mapping[str, object], name: str) -> Found | ParseFailure:
    number = _number(value[name])
    if number is None:
        return fail(f"{value[name]!r} is no action unit")
    intensities = [value[k] for k in value if k.lower() in _VALUES]
    if len(intensities) > 1:
        return fail(f"AU{number} is given several values")
    intensity = _intensity(intensities[0]) if intensities else None
    return intensity if isinstance(intensity, ParseFailure) else [(number, intensity)]


def _from_list(items: list[object] | tuple[object, ...]) -> Found | ParseFailure:
    found: Found = []
    for item in items:
        if isinstance(item, dict):
            inner = units_from_json(item)
            if isinstance(inner, ParseFailure):
                return inner
            found += inner
            continue
        number = _number(item)
        if number is None:
            return fail(f"{item!r} is no action unit")
        found.append((number, None))
    return found


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _CODE.match(value) if isinstance(value, str) else None
    return int(match[1]) if match else None


def _intensity(value: object) -> Value | ParseFailure:
    if isinstance(value, bool):
        return None if value else 0.0
    if isinstance(value, dict):
        inner = [v for k, v in value.items() if str(k).lower() in _VALUES]
        inner = [v for v in inner if v is not True] or inner
        return _intensity(inner[0]) if len(inner) == 1 else fail("a unit without one value")
    if isinstance(value, str):
        if value.strip().lower() in WORDS:
            return WORDS[value.strip().lower()]
        if value.strip() in LETTERS:
            return LETTERS[value.strip()]
        try:
            value = float(value)
        except ValueError:
            return fail(f"{value!r} is no intensity")
    if isinstance(value, int | float) and 0.0 <= value <= MAX_INTENSITY:
        return float(value)
    return fail(f"{value!r} is no intensity from 0 to 5")
