"""The protocol: order, records, given faces, names, and what importing costs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face
from facellm.faces import Finder, GivenFinder, load_finder
from facellm.faces.finder import left_to_right
from facellm.faces.mean_shape import MEAN_SHAPE

ANY = Image.new("RGB", (200, 100))


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = (
        "import sys, facellm.faces;"
        "print([m for m in ('torch', 'cv2', 'mediapipe', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_faces_are_sorted_by_the_centre_of_their_box() -> None:
    wide = Face(box=(0, 0, 100, 10))  # starts first, centre 50
    small = Face(box=(10, 0, 20, 10))  # centre 15
    right = Face(box=(60, 0, 62, 10))  # centre 61
    assert left_to_right([right, wide, small]) == [small, wide, right]


def test_given_faces_come_back_left_to_right_with_their_boxes() -> None:
    right, left = MEAN_SHAPE * 10 + [150, 40], MEAN_SHAPE * 10 + [40, 40]
    finder = GivenFinder([right, left])
    assert isinstance(finder, Finder)
    first, second = finder.find(ANY)
    assert np.allclose(first.points, left, atol=1e-4)
    assert np.allclose(first.box, [*left.min(0), *left.max(0)], atol=1e-4)
    assert second.confidence == 1.0
    boxed = GivenFinder([right], [(1, 2, 3, 4)]).find(ANY)
    assert boxed[0].box == (1, 2, 3, 4)
    assert GivenFinder().find(ANY) == []


def test_given_faces_are_checked() -> None:
    with pytest.raises(FaceLLMError, match=r"\(68, 2\)"):
        GivenFinder([np.zeros((5, 2))])
    with pytest.raises(FaceLLMError, match="2 boxes for 1 faces"):
        GivenFinder([MEAN_SHAPE], [(0, 0, 1, 1), (0, 0, 1, 1)])


def test_unknown_names_and_missing_models(tmp_path: Path) -> None:
    with pytest.raises(FaceLLMError, match="known: builtin, mediapipe"):
        load_finder("retina")
    with pytest.raises(FaceLLMError, match="needs its model files"):
        load_finder("mediapipe")
    with pytest.raises(FaceLLMError, match=r"no \.task file"):
        load_finder("mediapipe", tmp_path)
