"""Weights of the built-in finder on disk: safetensors, float16."""

from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

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


def fused(model: Network) -> Network:
    """The model for inference, each normalisation folded into the convolution before it.

    A third faster, the same numbers up to rounding; the result can no longer be trained or stored.
    """
    model.eval()
    for block in [m for m in model.modules() if isinstance(m, nn.Sequential)]:
        for index, (layer, after) in enumerate(zip(list(block), list(block)[1:], strict=False)):
            if isinstance(layer, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                block[index], block[index + 1] = fuse_conv_bn_eval(layer, after), nn.Identity()
    return model
