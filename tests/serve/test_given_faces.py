"""Faces that a client names: by points, by a box, or wrongly."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face
from facellm.faces import Finder, load_finder
from serve.given import named_faces
from serve.schemas import AnalyzeBody, GivenFace


@pytest.fixture(scope="module")
def finder() -> Finder:
    return load_finder()


@pytest.fixture(scope="module")
def found(astronaut: Image.Image, finder: Finder) -> Face:
    [face] = finder.find(astronaut)
    return face


def test_a_box_alone_gets_the_points_of_the_face_in_it(
    astronaut: Image.Image, finder: Finder, found: Face
) -> None:
    x0, y0, x1, y1 = found.box
    box = (x0 - 6, y0 + 5, x1 + 4, y1 + 3)
    [named] = named_faces(astronaut, [GivenFace(box=box)], finder)
    assert named.box == box
    size = y1 - y0
    for (x, y), (known_x, known_y) in zip(named.points or [], found.points or [], strict=True):
        assert abs(x - known_x) < 0.05 * size
        assert abs(y - known_y) < 0.05 * size


def test_points_win_and_faces_are_ordered(
    astronaut: Image.Image, finder: Finder, found: Face
) -> None:
    moved = [(x - 90, y) for x, y in found.points or []]
    given = [GivenFace(box=found.box), GivenFace(points=moved, box=(10, 20, 90, 110))]
    first, second = named_faces(astronaut, given, finder)
    assert first.box == (10, 20, 90, 110)
    assert np.allclose(first.points, moved, atol=1e-3)
    assert second.box == found.box


POINTS = [(100.0 + i, 100.0 + i % 9) for i in range(68)]


@pytest.mark.parametrize(
    ("face", "problem"),
    [
        ({}, "neither points nor a box"),
        ({"box": (400, 20, 480, 100)}, "no face was found"),
        ({"box": (5, 5, 5, 90)}, "no extent"),
        ({"box": (90, 90, 10, 10)}, "no extent"),
        ({"box": (float("nan"), 0, 50, 50)}, "no extent"),
        ({"box": (600, 600, 700, 700)}, "outside the picture of 512 × 512"),
        ({"box": (0, 0, 1e30, 1e30)}, "outside"),
        ({"points": [(50.0, 50.0)] * 68}, "no extent"),
        ({"points": [(1e300, 0.0), *POINTS[1:]]}, "outside"),
        ({"points": [(-9000.0, 0.0), *POINTS[1:]]}, "outside"),
        ({"points": POINTS, "box": (900, 900, 990, 990)}, "the box of face 2"),
    ],
)
def test_what_cannot_be_a_face_is_named_by_its_number(
    astronaut: Image.Image, finder: Finder, face: dict[str, Any], problem: str
) -> None:
    good = GivenFace(points=POINTS)
    with pytest.raises(FaceLLMError, match=problem) as error:
        named_faces(astronaut, [good, GivenFace(**face)], finder)
    if "points" not in face or "box" in face:
        assert "face 2" in str(error.value)


def test_no_more_faces_than_the_server_bears() -> None:
    faces = [{"points": POINTS}] * 65
    with pytest.raises(ValueError, match="at most 64"):
        AnalyzeBody.model_validate({"image": "x", "faces": faces})
