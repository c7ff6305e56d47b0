"""The shipped finder on a real photograph, on composites of it, and on pictures without faces."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.regions import face_scale
from facellm.faces import Finder, load_finder, load_image
from facellm.faces.builtin import WEIGHTS
from facellm.faces.networks import Detector
from facellm.faces.onethread import on_one_thread
from facellm.faces.store import fused, load_half

from .composites import as_array, centre_x, head_of_width, with_heads

EYES = {"right": (203.0, 101.0), "left": (246.0, 103.5)}
"""Where the astronaut's eyes are in her photograph, marked by hand to about two pixels."""


@pytest.fixture(scope="module")
def finder() -> Finder:
    return load_finder()


def test_the_weights_are_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 4_000_000


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(FaceLLMError, match=r"no detector\.safetensors"):
        load_finder("builtin", tmp_path)


def test_one_face_with_its_points(finder: Finder, astronaut: Image.Image) -> None:
    (face,) = finder.find(astronaut)
    points = as_array(face.points)
    assert points.shape == (68, 2)
    assert 0.5 < face.confidence <= 1
    scale = face_scale(points)
    for name, part in (("right", slice(36, 42)), ("left", slice(42, 48))):
        assert np.linalg.norm(points[part].mean(0) - EYES[name]) < 0.15 * scale, name
    x0, y0, x1, y1 = face.box
    assert x0 < EYES["right"][0] < EYES["left"][0] < x1
    assert y0 < EYES["left"][1] < y1
    assert points[48:60, 1].mean() > points[31:36, 1].mean() > points[36:48, 1].mean()


def test_three_faces_down_to_40_pixels(
    finder: Finder, astronaut: Image.Image, places: dict[str, Image.Image]
) -> None:
    background = places["brick"].resize((640, 480))
    corners = ((20, 60), (300, 150), (470, 40))
    widths = (40, 60, 75)
    heads = [(head_of_width(astronaut, w), c) for w, c in zip(widths, corners, strict=True)]
    faces = finder.find(with_heads(background, heads))
    assert len(faces) == 3
    assert [centre_x(f.box) for f in faces] == sorted(centre_x(f.box) for f in faces)
    for face, width in zip(faces, widths, strict=True):
        assert face.box[2] - face.box[0] == pytest.approx(width, rel=0.25)


def test_a_large_face(finder: Finder, astronaut: Image.Image) -> None:
    near = astronaut.crop((170, 40, 290, 190)).resize((960, 1200))
    (face,) = finder.find(near)
    assert face.box[2] - face.box[0] > 450


@pytest.mark.parametrize("turn", [-40, 40])
def test_tilted_heads(
    finder: Finder, astronaut: Image.Image, places: dict[str, Image.Image], turn: int
) -> None:
    head = head_of_width(astronaut, 90, turn)
    (face,) = finder.find(with_heads(places["grass"], [(head, (150, 150))]))
    points = as_array(face.points)
    across = points[42:48].mean(0) - points[36:42].mean(0)
    # Pillow turns counter-clockwise, in which the subject's left eye rises.
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(-turn, abs=12)


@pytest.mark.parametrize("name", ["brick", "grass", "coffee"])
def test_nothing_where_there_is_no_face(
    finder: Finder, places: dict[str, Image.Image], name: str
) -> None:
    assert finder.find(places[name]) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (900, 3), (17, 33)])
def test_odd_sizes_and_flat_pictures(finder: Finder, size: tuple[int, int]) -> None:
    for tone in (0, 128, 255):
        assert finder.find(Image.new("RGB", size, (tone,) * 3)) == []


def test_grey_and_flipped_pictures_agree(finder: Finder, astronaut: Image.Image) -> None:
    (face,) = finder.find(astronaut)
    (grey,) = finder.find(load_image(astronaut.convert("L")))
    assert np.allclose(as_array(grey.points), as_array(face.points), atol=1.5)
    (mirrored,) = finder.find(astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    x0, _, x1, _ = face.box
    assert centre_x(mirrored.box) == pytest.approx(512 - (x0 + x1) / 2, abs=6)


def test_a_photograph_stored_on_its_side(
    finder: Finder, astronaut: Image.Image, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    path = tmp_path / "phone.jpg"
    astronaut.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    (face,) = finder.find(load_image(path))
    (upright,) = finder.find(astronaut)
    assert np.allclose(face.box, upright.box, atol=6)


def test_threads_share_a_finder(finder: Finder, astronaut: Image.Image) -> None:
    alone = finder.find(astronaut)
    with ThreadPoolExecutor(4) as pool:
        for faces in pool.map(finder.find, [astronaut] * 8):
            assert np.allclose(as_array(faces[0].points), as_array(alone[0].points), atol=1e-3)


def test_counted_photographs(finder: Finder, photos: Path) -> None:
    rows = (photos / "labels.csv").read_text().splitlines()[1:]
    counted = {row.split(",")[0]: row.split(",")[1] for row in rows}
    wrong = {
        name: (int(count), len(faces))
        for name, count in counted.items()
        if count and len(faces := finder.find(load_image(photos / name))) != int(count)
    }
    assert not wrong


def test_the_callers_threads_are_left_alone(finder: Finder, astronaut: Image.Image) -> None:
    before = torch.get_num_threads()
    finder.find(astronaut)
    assert torch.get_num_threads() == before
    assert on_one_thread(torch.get_num_threads) == 1
    with ThreadPoolExecutor(1) as pool:  # threads to come keep the default as well
        assert pool.submit(torch.get_num_threads).result() == before


def test_finders_can_be_copied_and_pickled(finder: Finder, astronaut: Image.Image) -> None:
    """Processors are deep-copied, and data workers pickle what they need."""
    for twin in (copy.deepcopy(finder), pickle.loads(pickle.dumps(finder))):
        assert twin.find(astronaut) == finder.find(astronaut)


def test_folding_the_normalisation_changes_no_number() -> None:
    plain = load_half(Detector(), WEIGHTS / "detector.safetensors").eval()
    folded = fused(load_half(Detector(), WEIGHTS / "detector.safetensors"))
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    picture = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(plain(picture), folded(picture), atol=1e-4)
