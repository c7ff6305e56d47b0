"""What the tests of all sources share."""

from pathlib import Path

import pytest


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The empty folder of a corpus."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    return folder
