"""Rigs for the tests: the procedural one, and ICT-FaceKit where a copy is at hand."""

import os
from pathlib import Path

import pytest

from data_engine.rig import Rig, load_head


def ict_folder() -> Path | None:
    """The packed ICT-FaceKit, where the machine has one."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(os.environ.get("FACELLM_SHARED", beside)) / "data" / "ict_facekit"
    return folder if (folder / "ict_facekit.npz").is_file() else None


@pytest.fixture(scope="session")
def rig() -> Rig:
    return Rig(load_head("procedural"), size=96)


@pytest.fixture(scope="session")
def ict_rig() -> Rig:
    folder = ict_folder()
    if folder is None:
        pytest.skip("no ICT-FaceKit here: set FACELLM_SHARED to a folder with data/ict_facekit")
    return Rig(load_head(folder), size=96)
