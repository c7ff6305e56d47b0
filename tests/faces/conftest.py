"""Pictures for the finder tests: one public-domain photograph and composites of it."""

import os
from pathlib import Path

import pytest
from PIL import Image

skimage_data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")


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
