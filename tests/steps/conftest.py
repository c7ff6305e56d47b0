"""Real inputs for the step tests, where they are."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def clips_folder(shared_folder: Path) -> Path:
    """Folder of four short real clips."""
    folder = shared_folder / "data" / "videos"
    if not (folder / "labels.csv").is_file():
        pytest.skip(f"no labels.csv in {folder}; set FACELLM_SHARED")
    return folder
