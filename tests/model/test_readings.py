"""Readings see how far features moved, wherever the face is and whatever the model computes in."""

import pytest
import torch
from drawn_faces import face_points

from facellm.model.configuration import FaceVisionConfig
from facellm.model.readings import UNITS, Reading, Readings, Shape, Telling

BROWS = slice(17, 27)
SIZE = FaceVisionConfig().region_size


@pytest.fixture
def points():
    face = torch.from_numpy(face_points(0.5, 0.5, 0.2))
    return face + 0.01 * torch.randn(32, 68, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def readings(points):
    torch.manual_seed(0)
    made = Readings(FaceVisionConfig())
    made.shape.fit(points)
    return made.eval()


def test_shape_is_standardised_by_the_faces_it_was_fit_to(readings, points):
    seen = readings.shape(points)
    assert seen.shape == (32, 136)
    assert seen.mean(0).abs().max() < 1e-3
    assert (seen.var(0) - 1).abs().max() < 0.02


def test_shape_is_the_same_wherever_the_face_is(readings, points):
    angle = torch.tensor(0.4)
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    elsewhere = (points @ turn.T) * 0.6 + 0.2
    torch.testing.assert_close(readings.shape(elsewhere), readings.shape(points), atol=1e-3, rtol=0)


def test_readings_hear_of_a_raised_brow(readings, points):
    regions = torch.randn(1, 15, SIZE)
    raised = points[:1].clone()
    raised[:, BROWS, 1] -= 0.02
    with torch.no_grad():
        assert not torch.allclose(
            readings(regions, points[:1]).units, readings(regions, raised).units
        )


def test_a_model_in_bfloat16_sees_as_small_movements(readings, points):
    raised = points.clone()
    raised[:, BROWS, 1] -= 0.002
    moved = readings.shape(raised) - readings.shape(points)
    half = Shape().eval()
    half.load_state_dict(readings.shape.state_dict())
    half.bfloat16()
    torch.testing.assert_close(half(raised) - half(points), moved, atol=0.02, rtol=0.02)


@torch.no_grad()
def test_shown_units_are_told_as_a_list():
    telling = Telling(width=16)
    telling.emotions.zero_()
    telling.pose.zero_()
    units = torch.zeros(1, len(UNITS))
    units[0, [2, 7]] = torch.tensor([0.4, 0.7])  # levels 2 and 3.5
    units[0, 11] = 0.09  # less than a trace
    told = telling(Reading(units, torch.zeros(1, 8), torch.zeros(1, 3)))[0]
    assert told.shape == (15, 16)
    torch.testing.assert_close(told[0], telling.units[2] + telling.levels[2])
    between = (telling.levels[3] + telling.levels[4]) / 2
    torch.testing.assert_close(told[1], telling.units[7] + between)
    assert not told[2:].any()


@torch.no_grad()
def test_how_the_head_is_held_is_told_on_the_last_token():
    telling = Telling(width=16)
    telling.emotions.zero_()
    pose = torch.tensor([[0.0, 0.3, -9.0]])
    told = telling(Reading(torch.zeros(1, len(UNITS)), torch.zeros(1, 8), pose))[0]
    pitch, yaw, roll = telling.pose
    torch.testing.assert_close(told[14], pitch[3] + (yaw[4] + yaw[5]) / 2 + roll[0])
    assert not told[:14].any()


@torch.no_grad()
def test_of_more_units_than_tokens_the_last_are_not_told():
    telling = Telling(width=16)
    telling.pose.zero_()
    told = telling(Reading(torch.ones(2, len(UNITS)), torch.zeros(2, 8), torch.zeros(2, 3)))
    felt = telling.emotions.mean(0)
    for row in told:
        torch.testing.assert_close(row, telling.units[:15] + telling.levels[5] + felt)
