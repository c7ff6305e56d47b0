"""The recipe of the built-in finder end to end on a corpus made of one photograph."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face, Provenance, Sample, read_samples, write_samples
from facellm.faces import GivenFinder, bench, download, label, load_finder, train
from facellm.faces.builtin import WEIGHTS
from facellm.faces.clutter import read_negatives
from facellm.faces.crop import Crop
from facellm.faces.mean_shape import MEAN_SHAPE
from facellm.faces.networks import DETECTOR_FIELDS, STRIDE, Detector, Landmarker
from facellm.faces.scenes import Tile, close_up, read_tiles, scene
from facellm.faces.store import load_half, save_half
from facellm.faces.targets import (
    SCENE_SIZE,
    detector_batch,
    detector_loss,
    landmark_batch,
    landmark_loss,
)

Compose = Callable[..., tuple[np.ndarray, list[Crop]]]
TERMS = Provenance(source="scikit-image", licence="public domain", subject_id="astronaut")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, astronaut: Image.Image) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    astronaut.save(folder / "a.png")
    faces = load_finder().find(astronaut)
    sample = Sample(id="a", image="a.png", faces=faces, provenance=TERMS)
    held = sample.model_copy(update={"id": "b", "split": "test"})
    write_samples(folder / "samples.jsonl", [sample, held])
    return folder


@pytest.fixture(scope="module")
def negatives(tmp_path_factory: pytest.TempPathFactory, places: dict[str, Image.Image]) -> Path:
    folder = tmp_path_factory.mktemp("places")
    for name, picture in places.items():
        picture.save(folder / f"{name}.png")
    return folder


def test_mirrored_tiles_rename_their_points(corpus: Path) -> None:
    (tile,) = read_tiles(corpus)
    flipped = tile.mirrored()
    assert flipped.points[36, 0] < flipped.points[45, 0]
    assert np.allclose(flipped.mirrored().points, tile.points)
    x, y = tile.points[30].round().astype(int)
    width = tile.grey.shape[1]
    assert flipped.grey[y, width - 1 - x] == tile.grey[y, x]


@pytest.mark.parametrize("compose", [scene, close_up])
def test_scenes_say_where_their_faces_are(compose: Compose) -> None:
    """A tile that is white where its points are: the scene must be bright in the stated crop."""
    points = MEAN_SHAPE * 50 + [112, 80]
    tile = Tile(np.full((224, 224), 255, np.uint8), points)
    dark = [np.zeros((64, 64), np.uint8)]
    rng = np.random.default_rng(3)
    inside, outside = [], []
    for _ in range(30):
        picture, faces = compose([tile], dark, SCENE_SIZE, rng)
        if len(faces) != 1:
            continue
        cut = faces[0].cut(picture, 32)
        inside.append(cut[8:24, 8:24].mean())
        outside.append(picture.mean())
    assert np.mean(inside) > np.mean(outside) + 30


def test_a_perfect_answer_has_almost_no_loss(corpus: Path, negatives: Path) -> None:
    tiles, places = read_tiles(corpus), read_negatives(negatives)
    rng = np.random.default_rng(0)
    batch = detector_batch(tiles, places, 4, rng)
    perfect = torch.cat([torch.logit(batch.heat.clamp(1e-4, 1 - 1e-4))[:, None], batch.fields], 1)
    blind = torch.zeros_like(perfect)
    assert detector_loss(perfect, batch) < 0.1 * detector_loss(blind, batch)
    crops = landmark_batch(tiles, places, 8, rng)
    sure = (crops.face * 2 - 1) * 20
    assert landmark_loss(crops.points, sure, crops) < 1e-3
    assert landmark_loss(crops.points, -sure, crops) > 1


def test_shapes_of_the_networks() -> None:
    fields = Detector().eval()(torch.zeros(2, 1, 64, 96))
    assert fields.shape == (2, DETECTOR_FIELDS, 64 // STRIDE, 96 // STRIDE)
    points, face = Landmarker().eval()(torch.zeros(3, 1, 96, 96))
    assert (points.shape, face.shape) == ((3, 68, 2), (3,))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["detector", "landmarks"])
def test_training_writes_weights_that_load(
    corpus: Path, negatives: Path, tmp_path: Path, stage: str
) -> None:
    arguments = [stage, "--corpus", str(corpus), "--negatives", str(negatives)]
    assert train.main([*arguments, "--out", str(tmp_path), "--minutes", "0.005"]) == 0
    network = Detector() if stage == "detector" else Landmarker()
    load_half(network, tmp_path / f"{stage}.safetensors")
    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_half(Landmarker(), tmp_path / "detector.safetensors")
    with pytest.raises(FaceLLMError, match="another network"):
        load_half(Detector(), tmp_path / "detector.safetensors")
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(FaceLLMError, match="no weights"):
        load_half(Detector(), tmp_path / "text")


def test_labelling_a_folder(
    tmp_path: Path, astronaut: Image.Image, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    out.mkdir()
    astronaut.save(pictures / "Eileen_Collins_0001.png")
    (pictures / "broken.jpg").write_bytes(b"no picture")
    (pictures / "notes.txt").write_text("not a picture either")
    finder = GivenFinder([MEAN_SHAPE * 40 + [228, 112]])
    samples = label.label_folder(pictures, out, finder, TERMS, r"(.*)_\d+$")
    assert write_samples(out / "samples.jsonl", samples) == 1
    assert "broken.jpg" in capsys.readouterr().err
    (sample,) = read_samples(out)
    data = (pictures / "Eileen_Collins_0001.png").read_bytes()
    assert sample.id == hashlib.sha256(data).hexdigest()[:16]
    assert (out / sample.image).resolve() == (pictures / "Eileen_Collins_0001.png").resolve()
    assert sample.provenance.subject_id == "Eileen_Collins"
    assert sample.split == label.split_of("Eileen_Collins")


def test_the_split_is_of_persons_and_holds_out_about_15_percent() -> None:
    splits = [label.split_of(f"person {n}") for n in range(2000)]
    assert splits.count("test") / 2000 == pytest.approx(0.15, abs=0.03)


def test_labelling_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(tmp_path / "absent"), "--out", str(tmp_path), "--finder", "builtin"]
    assert label.main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: no such folder")


def test_point_error_by_hand() -> None:
    """All points 3-4-5 pixels off a face with eyes 50 pixels apart: 5 / 50."""
    points = MEAN_SHAPE * 50 + 100
    truth = GivenFinder([points]).find(Image.new("RGB", (9, 9)))[0]
    off = GivenFinder([points + np.array([3, 4])]).find(Image.new("RGB", (9, 9)))[0]
    assert bench.point_error(off, truth) == pytest.approx(0.1, rel=2e-3)


def test_pairs_use_each_face_once() -> None:
    true = [Face(box=(0, 0, 10, 10)), Face(box=(50, 0, 60, 10))]
    found = [Face(box=(1, 0, 11, 10)), Face(box=(0, 0, 10, 10)), Face(box=(90, 0, 99, 9))]
    assert bench.compare(found, true) == [(found[1], true[0])]


def test_the_tables(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (corpus / "labels.csv").write_text("path,n_faces\na.png,1\n")
    arguments = ["--photos", str(corpus), "--corpus", str(corpus), "--weights", str(WEIGHTS)]
    assert bench.main(arguments) == 0
    out = capsys.readouterr().out
    assert "| a.png | 512 × 512 | 1 | 1 (" in out
    assert "| builtin | 1/1 | 0 | 0.0000 |" in out


def test_downloads_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = download.MODELS[0]._replace(sha256=hashlib.sha256(b"model").hexdigest())
    monkeypatch.setattr(download, "MODELS", (good,))

    def client(body: bytes, status: int = 200) -> httpx.Client:
        return httpx.Client(
            transport=httpx.MockTransport(lambda _: httpx.Response(status, content=body))
        )

    with pytest.raises(FaceLLMError, match="not stored"):
        download.download_models(tmp_path, client(b"other"))
    with pytest.raises(FaceLLMError, match="cannot fetch"):
        download.download_models(tmp_path, client(b"", 404))
    assert list(tmp_path.iterdir()) == []
    (path,) = download.download_models(tmp_path, client(b"model"))
    assert path.read_bytes() == b"model"
    download.download_models(tmp_path, client(b"", 500))  # already there: nothing is asked
