"""Pictures for the finder tests: one public-domain photograph and composites of it."""

from pathlib import Path

import pytest
from PIL import Image

skimage_data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")


@pytest.fixture(scope="session")
def photos(shared_folder: Path) -> Path:
    """Folder of real photographs with counted faces."""
    folder = shared_folder / "data" / "photos"
    if not (folder / "labels.csv").is_file():
        pytest.skip(f"no labels.csv in {folder}; set FACELLM_SHARED")
    return folder


@pytest.fixture(scope="session")
def places() -> dict[str, Image.Image]:
    """Pictures without a face, none of which the shipped networks were trained on."""
    names = ("brick", "grass", "coffee")
    return {name: Image.fromarray(getattr(skimage_data, name)()).convert("RGB") for name in names}
