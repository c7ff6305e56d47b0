"""A debug model whose answers depend on what it sees, and running servers."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serve.process import ServerProcess

KEY = "secret-of-the-tests"


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


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter for the shipped model as training writes it, with weights that show."""
    import torch

    from facellm.checkpoint import SHIPPED
    from facellm.model import FaceLLMForConditionalGeneration
    from facellm.train import lora
    from facellm.train.recipe import Lora

    pytest.importorskip("peft", reason="peft is not installed")
    recipe = Lora(rank=4, alpha=16)
    model = FaceLLMForConditionalGeneration.from_pretrained(SHIPPED)
    lora.add(model, recipe)
    torch.manual_seed(0)
    for name, weight in model.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(weight, std=0.5)
    folder = tmp_path_factory.mktemp("adapter")
    lora.save(model, recipe, folder)
    return folder


@pytest.fixture(scope="session")
def shipped(adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the shipped weights, an API key and an adapter; one for all tests."""
    log = tmp_path_factory.mktemp("shipped") / "log.txt"
    options = ["--api-key", KEY, "--enable-lora", "--lora-modules", f"tuned={adapter}"]
    options += ["--max-lora-rank", "8", "--allowed-media-domains", "127.0.0.1"]
    with ServerProcess(log, options=options) as running:
        running.wait(500)
        yield running


@pytest.fixture(scope="session")
def key() -> str:
    """Of `shipped`."""
    return KEY


@pytest.fixture(scope="session")
def http(shipped: ServerProcess) -> Iterator[httpx.Client]:
    """Asks `shipped` with its key."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=shipped.url, headers=headers, timeout=200) as client:
        yield client
