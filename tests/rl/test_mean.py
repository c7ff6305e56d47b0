"""The mean of several runs' weights."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from facellm.core.errors import FaceLLMError
from rl.mean import mean


@pytest.fixture
def runs(checkpoint, tmp_path):
    weights = load_file(checkpoint / "model.safetensors")
    for number, factor in enumerate((1.0, 2.0, 6.0)):
        folder = tmp_path / f"run-{number}" / "model"
        shutil.copytree(checkpoint, folder)
        scaled = {name: tensor * factor for name, tensor in weights.items()}
        save_file(scaled, folder / "model.safetensors", {"format": "pt"})
    return [tmp_path / f"run-{number}" for number in range(3)]


def test_the_mean_is_a_model(runs, checkpoint, tmp_path):
    mean(runs, tmp_path / "mean")
    first, own = (load_file(p / "model.safetensors") for p in (checkpoint, tmp_path / "mean"))
    name = next(name for name, tensor in first.items() if tensor.is_floating_point())
    torch.testing.assert_close(own[name], first[name] * 3)
    AutoModelForImageTextToText.from_pretrained(tmp_path / "mean")


def test_what_has_no_mean_is_refused(runs, checkpoint, tmp_path):
    with pytest.raises(FaceLLMError, match="two models at least"):
        mean(runs[:1], tmp_path / "mean")
    with pytest.raises(FaceLLMError, match="is there already"):
        mean(runs, runs[0])
    with pytest.raises(FaceLLMError, match=r"holds no model.safetensors"):
        mean([*runs, tmp_path], tmp_path / "mean")
    file = runs[1] / "model/model.safetensors"
    weights = load_file(file)
    name = sorted(weights)[0]
    save_file(weights | {name: torch.zeros(3)}, file)
    with pytest.raises(FaceLLMError, match=f"differ in {name}"):
        mean(runs, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()
