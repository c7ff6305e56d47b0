"""What a frame must hold, on the procedural head and on ICT-FaceKit where a copy is at hand."""

from dataclasses import replace

import numpy as np
import pytest

from data_engine.rig import RIG_UNITS, Camera, Light, Rig, RigFrame, RigSpec, random_spec, toggle
from data_engine.rig.camera import angles, direction
from facellm.core.facs import ACTION_UNITS
from facellm.core.regions import REGIONS

FRONTAL = RigSpec(
    identity=7,
    camera=Camera(distance=80, focal=3.4),
    light=Light(pitch=0.5, yaw=0.3, key=0.5, shadow=False),
    background="plain",
    seed=3,
)
"""A face looking into the camera, evenly lit."""


def change(before: RigFrame, after: RigFrame) -> np.ndarray:
    """Mean absolute difference per pixel, (H, W)."""
    return np.abs(before.image.astype(float) - after.image.astype(float)).mean(2)


def acts_in_its_regions(rig: Rig, au: int, spec: RigSpec = FRONTAL) -> bool:
    """Whether the pixels change more inside the unit's FACS regions than elsewhere."""
    moved = toggle(spec, au, 5.0)
    before, after = rig.render(spec), rig.render(moved)
    names = {region for n in moved.action_units for region in ACTION_UNITS[n].regions}
    inside = np.any([f.region_masks[name] for f in (before, after) for name in names], axis=0)
    delta = change(before, after)
    return bool(delta[inside].mean() > 1.5 * delta[~inside].mean() > 0)


def test_the_same_spec_gives_the_same_bytes(rig: Rig) -> None:
    spec = random_spec(np.random.default_rng(5))
    first = rig.render(spec)
    again = Rig(rig.head, size=96).render(spec)
    assert first.image.tobytes() == again.image.tobytes()
    assert np.array_equal(first.points, again.points)


def test_a_frame_is_complete(rig: Rig) -> None:
    frame = rig.render(FRONTAL)
    assert frame.image.shape == (96, 96, 3) and frame.image.dtype == np.uint8
    assert frame.points.shape == (68, 2) and frame.visible.shape == (68,)
    assert set(frame.action_units) == set(RIG_UNITS)
    assert ((frame.points >= 0) & (frame.points < 96)).all()
    x0, y0, x1, y1 = frame.box
    assert 0 <= x0 < x1 <= 96 and 0 <= y0 < y1 <= 96
    assert frame.image.std() > 10, "a picture, not a flat field"
    assert frame.subject_id == "procedural-0007"


def test_points_follow_multi_pie(rig: Rig) -> None:
    x, y = rig.render(FRONTAL).points.T
    assert x[42:48].mean() > x[36:42].mean(), "the subject's left eye is on the image's right"
    assert x[0] < x[8] < x[16] and y[8] > y[0]
    assert y[17:27].mean() < y[36:48].mean() < y[30] < y[48:60].mean() < y[8]


def test_frontal_points_are_visible_and_turning_hides_the_far_side(rig: Rig) -> None:
    assert rig.render(FRONTAL).visible[17:].mean() > 0.9
    turned = rig.render(replace(FRONTAL, yaw=0.9)).visible
    assert turned[9:17].mean() > turned[:8].mean(), "the right cheek turns away"


def test_pose_moves_the_nose_as_labelled(rig: Rig) -> None:
    def nose(spec: RigSpec) -> np.ndarray:
        points = rig.render(spec).points
        return points[30] - points[[0, 16]].mean(0)

    straight = nose(FRONTAL)
    assert nose(replace(FRONTAL, yaw=0.4))[0] < straight[0], "the subject's right is image left"
    assert nose(replace(FRONTAL, pitch=0.3))[1] < straight[1], "up is a smaller y"
    eyes = rig.render(replace(FRONTAL, roll=0.3)).points
    assert eyes[36:42, 1].mean() > eyes[42:48, 1].mean(), "the right eye sinks"


def test_gaze_adds_to_the_pose(rig: Rig) -> None:
    spec = replace(FRONTAL, yaw=0.3, gaze=(0.1, -0.3))
    pitch, yaw = rig.render(spec).gaze
    assert yaw == pytest.approx(0.0, abs=0.01) and pitch == pytest.approx(0.1, abs=0.01)
    assert angles(direction(pitch, yaw)) == pytest.approx((pitch, yaw), abs=1e-6)


def test_eyes_turn_where_they_look(rig: Rig) -> None:
    def darkest(yaw: float) -> float:
        frame = rig.render(replace(FRONTAL, gaze=(0.0, yaw)))
        low, high = frame.points[42:48].min(0).astype(int), frame.points[42:48].max(0).astype(int)
        eye = frame.image[low[1] + 1 : high[1] + 1, low[0] : high[0] + 1].mean(2)
        weight = np.clip(np.percentile(eye, 40) - eye, 0, None)
        return float((weight.sum(0) * np.arange(eye.shape[1])).sum() / weight.sum())

    assert darkest(0.4) < darkest(-0.4), "to the subject's right is to the image's left"


def test_the_fifteen_regions_have_masks(rig: Rig) -> None:
    masks = rig.render(FRONTAL).region_masks
    assert tuple(masks) == REGIONS
    for name, mask in masks.items():
        assert mask.shape == (96, 96) and mask.dtype == bool and mask.sum() >= 4, name
    assert not (masks["left_eye"] & masks["right_eye"]).any()
    assert masks["mouth"][masks["inner_mouth"]].mean() > 0.5


@pytest.mark.parametrize("au", [1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 20, 25, 26, 27, 43])
def test_units_act_where_facs_says(rig: Rig, au: int) -> None:
    assert acts_in_its_regions(rig, au)


@pytest.mark.parametrize("au", RIG_UNITS)
def test_units_act_where_facs_says_on_ict(ict_rig: Rig, au: int) -> None:
    assert acts_in_its_regions(ict_rig, au)


@pytest.mark.parametrize("au", [1, 4, 12, 27])
def test_stronger_units_move_more(rig: Rig, au: int) -> None:
    neutral = rig.render(FRONTAL).points
    moved = [
        float(np.abs(rig.render(toggle(FRONTAL, au, x)).points - neutral).mean())
        for x in (1.0, 3.0, 5.0)
    ]
    assert 0 < moved[0] < moved[1] < moved[2]


def test_one_sided_units_move_one_side(ict_rig: Rig) -> None:
    neutral = ict_rig.render(FRONTAL).points
    lean = replace(toggle(FRONTAL, 12, 5.0), asymmetry={12: 1.0})
    moved = np.abs(ict_rig.render(lean).points - neutral).sum(1)
    assert moved[54] > 4 * moved[48], "point 54 is the subject's left corner of the mouth"


def test_toggling_changes_one_label(rig: Rig) -> None:
    spec = replace(FRONTAL, action_units={6: 3.0, 12: 4.0}, emotion="happiness")
    before, after = rig.render(spec), rig.render(toggle(spec, 4, 4.0))
    changed = {n for n in RIG_UNITS if before.action_units[n] != after.action_units[n]}
    assert changed == {4}
    assert (before.pose, before.gaze, before.subject_id) == (
        after.pose,
        after.gaze,
        after.subject_id,
    )


def test_people_differ_and_stay_themselves(ict_rig: Rig) -> None:
    one, other = (ict_rig.render(replace(FRONTAL, identity=n)) for n in (1, 2))
    assert np.abs(one.points - other.points).mean() > 0.5
    assert one.subject_id == "ict-0001"
