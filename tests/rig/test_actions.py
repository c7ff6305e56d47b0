"""Action units to shapes, and what units do to each other."""

import pytest

from data_engine.rig import RIG_UNITS, RigSpec, toggle
from data_engine.rig.actions import CONFLICTS, consistent, shape_weights
from facellm.core.errors import FaceLLMError
from facellm.core.facs import ACTION_UNITS


def test_the_units_are_those_of_facs() -> None:
    asked = {1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43}
    assert asked <= set(RIG_UNITS) <= set(ACTION_UNITS)


@pytest.mark.parametrize("au", RIG_UNITS)
def test_weights_grow_with_intensity_and_stay_in_range(au: int) -> None:
    steps = [shape_weights({au: x}) for x in (0.0, 1.0, 2.5, 5.0)]
    for name in steps[-1]:
        values = [step.get(name, 0.0) for step in steps]
        assert values == sorted(values) and values[0] == 0.0 and 0 < values[-1] <= 1


def test_a_lean_weakens_the_other_side_only() -> None:
    even, left = shape_weights({12: 4.0}), shape_weights({12: 4.0}, {12: 1.0})
    assert left["mouthSmile_L"] == even["mouthSmile_L"]
    assert left["mouthSmile_R"] == 0.0


def test_the_jaw_drops_behind_closed_lips_until_they_part() -> None:
    assert shape_weights({26: 4.0})["mouthClose"] == pytest.approx(0.4)
    assert "mouthClose" not in shape_weights({26: 4.0, 25: 3.0})


def test_the_weaker_of_two_units_in_conflict_goes() -> None:
    assert set(consistent({26: 2.0, 27: 4.0})) == {25, 27}
    assert set(consistent({26: 2.0, 27: 4.0}, keep=26)) == {26}
    for pair in CONFLICTS:
        assert not pair <= consistent(dict.fromkeys(pair, 3.0)).keys()


def test_units_that_pull_the_lips_apart_bring_au25() -> None:
    assert consistent({27: 4.0}) == {25: 4.0, 27: 4.0}


def test_toggle_changes_one_unit() -> None:
    spec = RigSpec(action_units={1: 3.0, 4: 2.0, 15: 3.0}, emotion="sadness")
    off = toggle(spec, 4, 0.0)
    assert off.action_units == {1: 3.0, 15: 3.0}
    assert off.emotion is None, "without AU4 the prototype is broken"
    on = toggle(spec, 12, 3.0)
    assert on.action_units == {1: 3.0, 4: 2.0, 12: 3.0, 15: 3.0} and on.emotion == "sadness"
    assert (on.identity, on.seed, on.camera) == (spec.identity, spec.seed, spec.camera)


@pytest.mark.parametrize("units", [{99: 1.0}, {12: 5.5}, {12: -1.0}])
def test_what_the_rig_cannot_show_is_one_clear_line(units: dict[int, float]) -> None:
    with pytest.raises(FaceLLMError) as caught:
        shape_weights(units)
    assert "AU" in str(caught.value) and "\n" not in str(caught.value)


def test_toggle_rejects_a_unit_it_cannot_move() -> None:
    with pytest.raises(FaceLLMError, match="AU11"):
        toggle(RigSpec(), 11, 3.0)
