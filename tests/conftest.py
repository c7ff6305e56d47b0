"""What tests of several rooms share: outside data where it is, a photograph, a running server."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from PIL import Image

from serve.process import ServerProcess

KEY = "secret-of-the-tests"


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
    if find_spec("vllm") is None:  # importing it here would take as long as starting the server
        pytest.skip("vLLM is not installed")
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
