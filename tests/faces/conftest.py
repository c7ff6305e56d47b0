"""Pictures for the finder tests: one public-domain photograph and composites of it."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

skimage_data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")

HEAD = (150, 0, 300, 190)
"""The astronaut's head with its hair in her photograph, x0, y0, x1, y1."""
FACE_WIDTH = 75.0
"""Width of her face there, pixels, ear to ear."""


def shared_folder() -> Path:
    """Where the outside data would be: FACELLM_SHARED, else `shared/` beside the checkout."""
    beside = Path(__file__).parents[2].parent / "shared"
    return Path(os.environ.get("FACELLM_SHARED", beside))


@pytest.fixture(scope="session")
def models() -> Path:
    """Folder of the mediapipe finder's model files."""
    folder = shared_folder() / "models"
    if not list(folder.glob("*.task")):
        pytest.skip(f"no face_landmarker.task in {folder}; set FACELLM_SHARED")
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    return folder


@pytest.fixture(scope="session")
def photos() -> Path:
    """Folder of real photographs with counted faces."""
    folder = shared_folder() / "data" / "photos"
    if not (folder / "labels.csv").is_file():
        pytest.skip(f"no labels.csv in {folder}; set FACELLM_SHARED")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    return Image.fromarray(skimage_data.astronaut())


@pytest.fixture(scope="session")
def places() -> dict[str, Image.Image]:
    """Pictures without a face, none of which the shipped networks were trained on."""
    names = ("brick", "grass", "coffee")
    return {name: Image.fromarray(getattr(skimage_data, name)()).convert("RGB") for name in names}


def head_of_width(astronaut: Image.Image, width: float, turn: float = 0.0) -> Image.Image:
    """The astronaut's head scaled until her face is `width` pixels wide, turned by degrees."""
    head = astronaut.crop(HEAD).convert("RGBA")
    scale = width / FACE_WIDTH
    size = (round(head.width * scale), round(head.height * scale))
    return head.resize(size, Image.Resampling.LANCZOS).rotate(turn, expand=True)


def with_heads(
    background: Image.Image, heads: list[tuple[Image.Image, tuple[int, int]]]
) -> Image.Image:
    """Lay heads onto a copy of the background at their upper left corners."""
    picture = background.copy()
    for head, corner in heads:
        picture.paste(head, corner, head)
    return picture


def centre_x(box: tuple[float, float, float, float]) -> float:
    return (box[0] + box[2]) / 2


def as_array(points: list[tuple[float, float]] | None) -> np.ndarray:
    return np.array(points)
