"""What tests of several rooms share: outside data where it is, and one photograph."""

import os
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Where the outside data would be: FACELLM_SHARED, else `shared/` beside the checkout."""
    beside = Path(__file__).resolve().parents[1].parent / "shared"
    return Path(os.environ.get("FACELLM_SHARED", beside))


@pytest.fixture(scope="session")
def finder_model(shared_folder: Path) -> Path:
    """Folder of the mediapipe finder's model files."""
    folder = shared_folder / "models"
    if not list(folder.glob("*.task")):
        pytest.skip(f"no face_landmarker.task in {folder}; set FACELLM_SHARED")
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """One public-domain photograph (512 × 512) with one face, right of its middle."""
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
    return Image.fromarray(data.astronaut())
