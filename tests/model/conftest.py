"""A debug-size model with random weights, made once: the real classes on real files."""

from pathlib import Path

import pytest
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.model import debug_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return debug_checkpoint(tmp_path_factory.mktemp("debug"))


@pytest.fixture(scope="session")
def model(checkpoint):
    return AutoModelForImageTextToText.from_pretrained(checkpoint).eval()


@pytest.fixture(scope="session")
def processor(checkpoint):
    return AutoProcessor.from_pretrained(checkpoint)
