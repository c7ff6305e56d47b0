"""Real inputs for the step tests, where they are."""

import os
from pathlib import Path

import pytest
from PIL import Image


def shared_folder() -> Path:
    """Where the outside data would be: FACELLM_SHARED, else `shared/` beside the checkout."""
    beside = Path(__file__).parents[2].parent / "shared"
    return Path(os.environ.get("FACELLM_SHARED", beside))


@pytest.fixture(scope="session")
def finder_model() -> Path:
    """Folder of the mediapipe finder's model files."""
    folder = shared_folder() / "models"
    if not list(folder.glob("*.task")):
        pytest.skip(f"no face_landmarker.task in {folder}; set FACELLM_SHARED")
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    return folder


@pytest.fixture(scope="session")
def clips_folder() -> Path:
    """Folder of four short real clips."""
    folder = shared_folder() / "data" / "videos"
    if not (folder / "labels.csv").is_file():
        pytest.skip(f"no labels.csv in {folder}; set FACELLM_SHARED")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """One public-domain photograph (512 × 512) with one face, right of its middle."""
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
    return Image.fromarray(data.astronaut())
