"""Masks of regions lie where the face is, at any grid, and never vanish inside the view."""

import numpy as np
import pytest

from facellm.core.regions import REGIONS, region_centroids
from facellm.faces.region_masks import region_masks


@pytest.fixture
def points():
    from data_engine.rig import Rig, load_head
    from data_engine.rig.spec import RigSpec

    frame = Rig(load_head("procedural"), size=64).render(RigSpec())
    x0, y0, x1, y1 = frame.box
    return (np.asarray(frame.points) - (x0, y0)) / (x1 - x0, y1 - y0)


@pytest.mark.parametrize("grid", [7, 14, 28])
def test_every_region_has_patches_around_its_centroid(points, grid):
    masks = region_masks(points, grid)
    rows, columns = np.indices((grid, grid))
    for region, mask, centre in zip(REGIONS, masks, region_centroids(points), strict=True):
        assert mask.any(), region
        middle = np.array([columns[mask].mean(), rows[mask].mean()]) / grid + 0.5 / grid
        assert np.abs(middle - centre).max() < 0.2, region


def test_left_and_right_do_not_touch(points):
    masks = dict(zip(REGIONS, region_masks(points, 28), strict=True))
    assert not (masks["left_eye"] & masks["right_eye"]).any()
    assert np.nonzero(masks["right_eye"])[1].mean() < np.nonzero(masks["left_eye"])[1].mean()


def test_the_jaw_is_a_strip_and_not_the_lower_face(points):
    masks = dict(zip(REGIONS, region_masks(points, 28), strict=True))
    assert (masks["jaw"] & masks["mouth"]).sum() < 0.2 * masks["mouth"].sum()


def test_a_region_outside_the_view_is_empty(points):
    assert not region_masks(points + np.array((0, 1.5)), 14).any()
