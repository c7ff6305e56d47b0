"""Signs: the one place where they are checked by hand."""

import numpy as np
import pytest

from data_engine.rig.camera import Camera, angles, direction, project, rays, rotation


def test_pose_signs() -> None:
    nose, crown = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    assert (rotation(0.3, 0, 0) @ nose)[1] > 0, "pitch is up"
    assert (rotation(0, 0.3, 0) @ nose)[0] < 0, "yaw is to the subject's right, -x"
    assert (rotation(0, 0, 0.3) @ crown)[0] < 0, "roll is to the subject's right"


@pytest.mark.parametrize("pitch, yaw", [(0.0, 0.0), (0.3, -0.5), (-0.6, 1.0)])
def test_angles_undo_direction(pitch: float, yaw: float) -> None:
    assert angles(direction(pitch, yaw)) == pytest.approx((pitch, yaw), abs=1e-6)


def test_rays_pass_through_what_projects_to_their_pixel() -> None:
    camera = Camera(distance=60, focal=2.5, offset=(0.1, -0.05))
    point = np.array([[3.0, -4.0, 7.0]], np.float32)
    ray = rays(camera, project(camera, point, 100), 100)
    reached = np.array([0, 0, 60]) + ray * (60 - 7)
    assert reached == pytest.approx(point, abs=1e-4)
