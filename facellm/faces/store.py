"""Weights of the built-in finder on disk: safetensors, float16."""

from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from facellm.core.errors import FaceLLMError, given

Network = TypeVar("Network", bound=nn.Module)


def save_half(model: nn.Module, path: Path) -> None:
    """Store the weights as float16, which costs the finder nothing measurable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {k: v for k, v in model.state_dict().items() if v.is_floating_point()}
    save_file({name: value.half().contiguous() for name, value in state.items()}, str(path))


def load_half(model: Network, path: Path) -> Network:
    """Fill a model from stored weights.

    Raises:
        FaceLLMError: a file that is not safetensors, or holds the weights of another network.
    """
    try:
        stored = {name: value.float() for name, value in load_file(str(path)).items()}
        missing, surplus = model.load_state_dict(stored, strict=False)
    except (SafetensorError, RuntimeError, OSError):
        raise FaceLLMError(f"{given(path)} holds no weights of this network") from None
    # Counters of batches are not stored: they matter to training alone.
    if surplus or any(not name.endswith("num_batches_tracked") for name in missing):
        raise FaceLLMError(f"{given(path)} holds weights of another network; train it again")
    return model
