"""The ARKit → FACS table: complete, symmetric, monotone, and honest about what it cannot read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_engine.weak import BEYOND, BLIND, READINGS, SCALES, SHAPE_UNITS, reading, weak_units
from facellm.core.errors import FaceLLMError
from facellm.core.facs import ACTION_UNITS

# ARKit's ARFaceAnchor.BlendShapeLocation; a test holds it against MediaPipe's own list.
_NAMES = """
eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight
eyeWideRight jawForward jawLeft jawRight jawOpen mouthClose mouthFunnel mouthPucker mouthLeft
mouthRight mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight mouthDimpleLeft
mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower
mouthShrugUpper mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight
mouthUpperUpLeft mouthUpperUpRight browDownLeft browDownRight browInnerUp browOuterUpLeft
browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut
"""
ARKIT = _NAMES.split()


def test_every_arkit_shape_has_its_line_and_every_unit_is_in_facs():
    assert len(ARKIT) == 52
    assert set(SHAPE_UNITS) == set(ARKIT)
    for shape, units in SHAPE_UNITS.items():
        assert all(n in ACTION_UNITS or n in BEYOND for n in units), shape
    assert not set(BEYOND) & set(ACTION_UNITS)


def test_the_mediapipe_model_knows_the_shapes(finder_model, astronaut):
    from facellm.faces.mediapipe import MediapipeFinder

    (seen,) = MediapipeFinder.from_folder(finder_model).find_with_blendshapes(astronaut)
    assert set(seen.blendshapes) == set(ARKIT) - {"tongueOut"}


def test_left_and_right_are_about_the_same_units():
    turned = {61: 62, 62: 61}  # the eyes' own directions change sides with the eye
    for shape, units in SHAPE_UNITS.items():
        if "Left" in shape:
            twin = SHAPE_UNITS[shape.replace("Left", "Right")]
            assert tuple(turned.get(n, n) for n in units) == twin, shape


def test_readings_use_shapes_of_their_unit_on_both_sides():
    for number, scale in READINGS.items():
        for shape in scale.shapes:
            assert number in SHAPE_UNITS[shape], (number, shape)
            if "Left" in shape:
                assert shape.replace("Left", "Right") in scale.shapes
        assert 0 <= scale.zero < scale.full <= 1 and 0 < scale.confidence <= 1


def test_every_unit_with_a_shape_is_either_read_or_known_to_be_blind():
    shown = {n for units in SHAPE_UNITS.values() for n in units}
    assert shown - set(BEYOND) - {45} == set(READINGS) | set(BLIND)  # 45 is 43 over time
    assert not set(READINGS) & set(BLIND)


def test_shipped_corpora_keep_their_eight_units_and_values():
    assert list(SCALES) == [1, 2, 4, 12, 15, 25, 26, 43]
    # AU12: (0.51 - 0.07) / 0.88 = 0.5 of 5; the stronger side counts.
    units = weak_units({"mouthSmileLeft": 0.51, "mouthSmileRight": 0.2, "jawOpen": 0.7})
    assert units == {1: 0, 2: 0, 4: 0, 12: 2.5, 15: 0, 25: 3.67, 26: 5, 43: 0}
    assert weak_units({}) is None


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.sampled_from(ARKIT), st.floats(0, 1), min_size=1),
    st.sampled_from(ARKIT),
    st.floats(0, 1),
)
def test_a_stronger_shape_never_weakens_a_unit(scores, shape, more):
    before = weak_units(scores, READINGS)
    stronger = scores | {shape: max(more, scores.get(shape, 0.0))}
    after = weak_units(stronger, READINGS)
    assert all(0 <= before[n] <= after[n] <= 5 for n in READINGS)
    changed = {n for n in READINGS if before[n] != after[n]}
    assert changed <= set(SHAPE_UNITS[shape])


@pytest.mark.parametrize(("number", "why"), [(6, "cheekSquint"), (9, "noseSneer"), (11, "no shape"),
                                             (99, "not an action unit")])  # fmt: skip
def test_units_that_cannot_be_read_are_refused_with_the_reason(number, why):
    with pytest.raises(FaceLLMError, match=why):
        reading(number)
    with pytest.raises(FaceLLMError, match=why):
        weak_units({"jawOpen": 1.0}, [number])
