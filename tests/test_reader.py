"""The Python interface with a scripted model, and the checks before a real one is loaded."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scripted import CAPTION, ScriptedEngine, write_stub_checkpoint

import facellm
from facellm.checkpoint import checkpoint_folder, model_name
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face
from facellm.faces import GivenFinder
from facellm.reader import FaceReader

IMAGE = Image.new("RGB", (200, 100))


def face(x: float, size: float = 20.0) -> np.ndarray:
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 4)), -1).reshape(-1, 2)
    return (grid * size + (x, 10)).astype(np.float32)


def reader(*faces: np.ndarray) -> FaceReader:
    return FaceReader(ScriptedEngine(), GivenFinder(faces))


def test_describe_reads_every_face() -> None:
    report = reader(face(100), face(10)).describe(IMAGE)
    assert [one.index for one in report.faces] == [1, 2]
    assert report.faces[0].box[0] == 10
    first = report.faces[0]
    assert first.expression.label == "happiness"
    assert first.action_units == {"AU6": 2.0, "AU12": 4.0}
    assert {line.region for line in first.evidence} == {"cheeks", "mouth"}
    assert first.text == CAPTION
    assert (report.finder, report.model) == ("given", "facellm-scripted")


def test_faces_may_be_given_for_one_picture() -> None:
    one = Face(box=(0, 0, 9, 9), points=[(float(x), float(y)) for x, y in face(30)])
    report = reader(face(100), face(10)).describe(IMAGE, [one])
    assert len(report.faces) == 1
    assert report.finder == "given"


def test_no_face_asks_nothing() -> None:
    one = reader()
    assert one.describe(IMAGE).faces == []
    assert one.engine.asked == []


def test_ask_shows_all_faces_or_one() -> None:
    one = reader(face(10), face(100))
    assert one.ask(IMAGE, "Why?") == "It is a smile."
    one.ask(IMAGE, "Why?", face=2)
    every, second = one.engine.asked
    assert every.landmarks.shape == (2, 68, 2)
    assert second.landmarks.shape == (1, 68, 2)
    assert second.landmarks[0, :, 0].min() == 100


def test_ask_without_faces_shows_the_whole_picture() -> None:
    one = reader()
    one.ask(IMAGE, "What is there?")
    assert one.engine.asked[0].landmarks.shape == (0, 68, 2)


def test_more_faces_than_the_model_takes_keep_the_largest() -> None:
    one = reader(face(0, 30), face(60, 5), face(100, 40))
    one.ask(IMAGE, "Who?")
    assert one.engine.asked[0].landmarks[:, 0, 0].tolist() == [0, 100]


def test_ask_streams() -> None:
    assert list(reader().ask(IMAGE, "Why?", stream=True)) == ["It ", "is ", "a smile."]


def test_missing_face_is_named_before_the_model_is_asked() -> None:
    one = reader(face(10))
    with pytest.raises(FaceLLMError, match="no face 4: 1 face was"):
        one.ask(IMAGE, "Why?", face=4)
    assert one.engine.asked == []


def test_annotate_asks_when_there_is_no_report() -> None:
    picture = reader(face(10)).annotate(IMAGE)
    assert picture.width > IMAGE.width


def test_reader_takes_paths_bytes_and_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    IMAGE.save(path)
    for source in (path, str(path), path.read_bytes(), np.asarray(IMAGE)):
        assert reader().describe(source).width == 200


def test_import_is_light() -> None:
    assert callable(facellm.load)
    with pytest.raises(AttributeError, match="nothing"):
        _ = facellm.nothing


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    return write_stub_checkpoint(tmp_path / "small")


def test_a_whole_checkpoint_passes(folder: Path) -> None:
    assert checkpoint_folder(folder) == folder
    assert model_name(folder) == "facellm-small"


@pytest.mark.parametrize("name", ["config.json", "processor_config.json", "tokenizer.json"])
def test_missing_files_are_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FaceLLMError, match=name):
        checkpoint_folder(folder)


def test_missing_folder_and_missing_weights_are_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(FaceLLMError, match="safetensors"):
        checkpoint_folder(folder)
    shutil.rmtree(folder)
    with pytest.raises(FaceLLMError, match="no model folder"):
        checkpoint_folder(folder)


@pytest.mark.parametrize("size", [0, 7, 100])
def test_truncated_weights_are_named(folder: Path, size: int) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(FaceLLMError, match="damaged"):
        checkpoint_folder(folder)


@pytest.mark.parametrize("config", ["{", "[]", '{"model_type": "qwen3"}', "{}"])
def test_other_models_and_broken_configs_are_named(folder: Path, config: str) -> None:
    (folder / "config.json").write_text(config)
    with pytest.raises(FaceLLMError):
        checkpoint_folder(folder)
