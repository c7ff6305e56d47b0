"""A debug model whose answers depend on what it sees, and a running server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.process import ServerProcess


@pytest.fixture(scope="session")
def lively_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The debug model with larger weights: as made, it repeats one token whatever it is shown."""
    from safetensors.torch import load_file, save_file

    from facellm.model import debug_checkpoint

    folder = debug_checkpoint(tmp_path_factory.mktemp("model") / "lively")
    file = folder / "model.safetensors"
    weights = {
        name: tensor * 6 if "language_model" in name and tensor.ndim == 2 else tensor * 1.0
        for name, tensor in load_file(file).items()
    }
    save_file(weights, file, {"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def server(
    lively_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with ServerProcess(log, lively_checkpoint) as running:
        running.wait(500)  # seconds; the machine may be busy with other tests
        yield running
