"""The 68 points: their order, sides and mirror, the mean face, crops and boxes."""

import numpy as np
import pytest

from facellm.core.regions import region_centroids
from facellm.faces.crop import Crop, box_of, covered, crop_around, overlap, roll_of
from facellm.faces.mean_shape import MEAN_SHAPE, fit_mean_shape, five_of, similarity
from facellm.faces.mesh68 import MESH_INDEX, MESH_TO_68, MIRROR_68, mesh_to_68

MESH_PAIRS = {33: 263, 133: 362, 61: 291, 78: 308, 127: 356, 70: 300, 107: 336, 98: 327}
"""Mesh points of the subject's right and their mirror images (MediaPipe's canonical face)."""


def test_the_table_has_68_different_points_of_the_mesh() -> None:
    assert [len(part) for part in MESH_TO_68.values()] == [17, 5, 5, 4, 5, 6, 6, 12, 8]
    assert len(set(MESH_INDEX.tolist())) == 68
    assert MESH_INDEX.min() >= 0 and MESH_INDEX.max() < 468  # works without irises too
    assert mesh_to_68(np.zeros((478, 2))).shape == (68, 2)


def test_the_sides_of_the_table_mirror_each_other() -> None:
    order = MESH_INDEX.tolist()
    for right, left in MESH_PAIRS.items():
        assert MIRROR_68[order.index(right)] == order.index(left), (right, left)


def test_mirroring_twice_changes_nothing_and_keeps_the_middle() -> None:
    assert np.array_equal(MIRROR_68[MIRROR_68], np.arange(68))
    middle = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    assert [i for i in range(68) if MIRROR_68[i] == i] == middle


def test_the_mean_face_is_a_face_seen_from_the_front() -> None:
    """Known geometry: the subject's right is on the left, brows over eyes over nose over mouth."""
    eye_right, eye_left = MEAN_SHAPE[36:42].mean(0), MEAN_SHAPE[42:48].mean(0)
    assert np.allclose([eye_right, eye_left], [[-0.5, 0], [0.5, 0]], atol=2e-3)
    assert MEAN_SHAPE[0, 0] < eye_right[0] < eye_left[0] < MEAN_SHAPE[16, 0]
    heights = [MEAN_SHAPE[part, 1].mean() for part in
               (slice(17, 27), slice(36, 48), slice(31, 36), slice(48, 60))]  # fmt: skip
    assert heights == sorted(heights)
    assert MEAN_SHAPE[8, 1] == MEAN_SHAPE[:, 1].max()  # the chin is lowest
    assert np.all(np.diff(MEAN_SHAPE[:17, 0]) > 0)  # the jaw runs from left to right
    assert np.all(np.diff(MEAN_SHAPE[17:27, 0]) > 0)  # so do the brows
    assert np.allclose(MEAN_SHAPE[MIRROR_68] * [-1, 1], MEAN_SHAPE, atol=2e-3)
    assert np.isfinite(region_centroids(MEAN_SHAPE)).all()


def test_the_mean_face_lies_on_five_points_whatever_the_turn() -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    true = MEAN_SHAPE @ turn.T * 30 + [200, 100]
    assert np.allclose(fit_mean_shape(five_of(true)), true, atol=1e-6)


def test_similarity_of_known_points() -> None:
    # (0,0) (2,0) (0,2) turned by 90 degrees, doubled and moved by (5, 7)
    source = np.array([[0, 0], [2, 0], [0, 2]], float)
    target = np.array([[5, 7], [5, 11], [1, 7]], float)
    assert np.allclose(similarity(source, target), [[0, -2, 5], [2, 0, 7]])


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2])
def test_crops_go_there_and_back(angle: float) -> None:
    crop = Crop(50, 40, 30, angle)
    points = np.array([[50.0, 40.0], [61.0, 37.0]])
    there = crop.to_crop(points, 96)
    assert np.allclose(there[0], [48, 48])
    assert np.allclose(crop.to_picture(there, 96), points)


def test_a_tilted_face_stands_upright_in_its_crop() -> None:
    tilted = Crop(0, 0, 1, -0.5).to_crop(MEAN_SHAPE * 20 + 100, 1)
    assert roll_of(tilted) == pytest.approx(0.5, abs=1e-3)
    crop = crop_around(tilted, 1.0)
    assert roll_of(crop.to_crop(tilted, 96)) == pytest.approx(0, abs=1e-6)
    inside = crop.to_crop(tilted, 96)
    assert inside.min() > -1e-6 and inside.max() < 96 + 1e-6


def test_cutting_keeps_what_lies_where_the_matrix_says() -> None:
    picture = np.zeros((400, 600), np.uint8)
    picture[190:210, 290:310] = 255
    for side in (60, 390):  # enlarged, and reduced by the averaging path
        cut = Crop(300, 200, side).cut(picture, 96)
        rows, columns = np.nonzero(cut > 128)
        assert abs(rows.mean() - 47.5) < 1.5 and abs(columns.mean() - 47.5) < 1.5
        assert np.ptp(columns) + 1 == pytest.approx(20 * 96 / side, abs=2)


def test_a_crop_beside_the_picture_is_filled_not_refused() -> None:
    assert Crop(-500, -500, 300).cut(np.zeros((50, 50), np.uint8), 96).shape == (96, 96)


def test_the_box_holds_the_points_and_the_forehead() -> None:
    x0, y0, x1, y1 = box_of(MEAN_SHAPE)
    assert (x0, x1, y1) == (*MEAN_SHAPE[[0, 16], 0], MEAN_SHAPE[8, 1])
    assert y0 < MEAN_SHAPE[17:27, 1].min() - 0.2


def test_overlap() -> None:
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(2 / 6)  # 2 shared of 4 + 4 - 2
    assert overlap((0, 0, 1, 1), (2, 2, 3, 3)) == 0
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0
    assert covered((0, 0, 9, 9), (8, 0, 10, 1)) == pytest.approx(0.5)  # 1 of the smaller's 2
    assert covered((0, 0, 0, 0), (0, 0, 1, 1)) == 0
