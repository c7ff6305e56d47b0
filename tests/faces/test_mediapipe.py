"""The strong finder, where its model files are; what it says where they are not."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.regions import face_scale
from facellm.faces import load_image
from facellm.faces.mediapipe import MediapipeFinder
from facellm.faces.yunet import Found, YuNet

from .composites import as_array, head_of_width, with_heads


@pytest.fixture(scope="module")
def finder(finder_model: Path) -> MediapipeFinder:
    return MediapipeFinder.from_folder(finder_model)


def test_points_blendshapes_and_order(
    finder: MediapipeFinder, astronaut: Image.Image, places: dict[str, Image.Image]
) -> None:
    heads = [(head_of_width(astronaut, w), (x, 100)) for w, x in ((75, 300), (40, 30))]
    small, large = finder.find_with_blendshapes(with_heads(places["brick"], heads))
    assert small.face.box[0] < large.face.box[0]
    assert finder.find(places["coffee"]) == []
    scores = large.blendshapes
    assert len(scores) == 51 and "_neutral" not in scores  # 52 with the one that says nothing
    assert scores["mouthSmileLeft"] > 0.5  # she smiles
    assert scores["jawOpen"] < 0.5
    points = as_array(large.face.points)
    assert points[36:42, 0].mean() < points[42:48, 0].mean()  # her right eye is on the left
    assert points[:17, 1].argmax() == 8
    assert np.all(np.diff(points[2:15, 0]) > 0)
    assert 0.6 < large.face.confidence <= 1


def test_a_tilted_head_has_tilted_points(
    finder: MediapipeFinder, astronaut: Image.Image, places: dict[str, Image.Image]
) -> None:
    picture = with_heads(places["grass"], [(head_of_width(astronaut, 90, 35), (150, 150))])
    (face,) = finder.find(picture)
    points = as_array(face.points)
    across = points[45] - points[36]
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(-35, abs=10)


def test_grey_pictures(finder: MediapipeFinder, astronaut: Image.Image) -> None:
    (colour,) = finder.find(astronaut)
    (grey,) = finder.find(load_image(astronaut.convert("L")))
    off = np.linalg.norm(as_array(grey.points) - as_array(colour.points), axis=1).mean()
    assert off < 0.1 * face_scale(as_array(colour.points))


def test_where_points_fail_the_mean_face_stands_in(
    finder: MediapipeFinder, astronaut: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sure,) = finder.find(astronaut)
    monkeypatch.setattr(finder, "_landmarks", lambda array: [])
    (guess,) = finder.find_with_blendshapes(astronaut)
    assert guess.blendshapes == {}
    assert guess.face.confidence == pytest.approx(sure.confidence / 2)
    off = np.linalg.norm(as_array(guess.face.points) - as_array(sure.points), axis=1).mean()
    assert off < 0.3 * face_scale(as_array(sure.points))


def test_the_landmarker_alone(finder_model: Path, astronaut: Image.Image) -> None:
    task = next(finder_model.glob("*.task"))
    (face,) = MediapipeFinder.from_folder(task).find(astronaut)
    assert face.confidence == 1.0


def test_threads_take_turns(finder: MediapipeFinder, astronaut: Image.Image) -> None:
    with ThreadPoolExecutor(4) as pool:
        boxes = [faces[0].box for faces in pool.map(finder.find, [astronaut] * 6)]
    assert np.ptp(np.array(boxes), axis=0).max() < 1


def test_nothing_reaches_stderr(
    finder_model: Path, astronaut: Image.Image, capfd: pytest.CaptureFixture[str]
) -> None:
    MediapipeFinder.from_folder(finder_model).find(astronaut)
    assert capfd.readouterr().err == ""


def test_counted_photographs(finder: MediapipeFinder, photos: Path) -> None:
    for row in (photos / "labels.csv").read_text().splitlines()[1:]:
        name, count = row.split(",")[:2]
        if count:
            assert len(finder.find(load_image(photos / name))) == int(count), name


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    bad = tmp_path / "bad.task"
    bad.write_bytes(b"no model")
    with pytest.raises(FaceLLMError, match="no FaceLandmarker model"):
        MediapipeFinder(bad)
    with pytest.raises(FaceLLMError, match="no such model file"):
        MediapipeFinder(tmp_path / "absent.task")
    onnx = tmp_path / "yunet.onnx"
    onnx.write_bytes(b"no model")
    with pytest.raises(FaceLLMError, match="no YuNet model"):
        YuNet(onnx)


def test_points_of_a_neighbour_are_not_taken() -> None:
    five = np.array([[40, 40], [60, 40], [50, 55], [42, 70], [58, 70]], float)
    found = Found((25, 20, 75, 80), five, 0.9)
    near = np.random.default_rng(0).uniform(30, 70, (68, 2))
    assert found.owns(near)
    assert not found.owns(near + np.array([60, 0]))
    assert found.roll == 0
