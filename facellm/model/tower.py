"""The vision tower: any of open_clip's, seen as one thing that turns views into patch tokens."""

from collections.abc import Sequence
from typing import Any

import torch
from open_clip.model import _build_vision_tower
from torch import Tensor, nn
from torch.nn import functional as F

from facellm.core.errors import FaceLLMError

# Shapes: V views, 3 colours, S image side, D channels (those of an inner layer may be others),
# G grid side, N = G * G patches (row-major).


class VisionTower(nn.Module):
    """open_clip's visual tower up to one layer, without its pooling and text head.

    Args:
        tower: open_clip `vision_cfg`.
        layer: block (ViT) or stage (convolutional) whose output is returned, negative from the end.
    """

    def __init__(self, tower: dict[str, Any], layer: int = -1) -> None:
        super().__init__()
        # Memory format for convolutions only pays on CPU and GPU alike when tensors agree on it.
        self.visual = _build_vision_tower(embed_dim=64, vision_cfg=dict(tower))
        self.layer = _prune(self.visual, layer)

    def forward(self, pixels_V3SS: Tensor) -> Tensor:
        """Patch tokens (V, N, D), row by row from the top left."""
        return self.levels(pixels_V3SS, ())[-1]

    def levels(self, pixels_V3SS: Tensor, inner: Sequence[int]) -> list[Tensor]:
        """Patch tokens (V, N, D) of inner layers, averaged to the grid of the last, and the last's.

        Args:
            pixels_V3SS: normalised views.
            inner: indices before the last, in their order.
        """
        out = self.visual.forward_intermediates(
            pixels_V3SS.contiguous(memory_format=torch.channels_last),
            indices=[*inner, self.layer],
            stop_early=True,
            intermediates_only=True,
            output_fmt="NCHW",
        )
        *found, last = out["image_intermediates"]
        found = [F.adaptive_avg_pool2d(maps, last.shape[-2:]) for maps in found]
        return [maps.flatten(2).transpose(1, 2) for maps in (*found, last)]


def _prune(visual: nn.Module, layer: int) -> int:
    """Drop what lies behind `layer`, so that checkpoints hold only what runs; return its index."""
    if hasattr(visual, "layer4"):  # ModifiedResNet: stem and four stages
        index = layer % 5
        for stage in range(index + 1, 5):
            setattr(visual, f"layer{stage}", nn.Identity())
        visual.attnpool = None
        return index
    if hasattr(visual, "transformer"):  # VisionTransformer
        blocks = visual.transformer.resblocks
        index = layer % len(blocks)
        visual.transformer.resblocks = blocks[: index + 1]
        visual.proj = None
        visual.attn_pool = None
        visual.ln_post = nn.Identity()
        return index
    if hasattr(visual, "trunk"):  # timm
        count = len(visual.trunk.feature_info)
        index = layer % count
        visual.trunk.prune_intermediate_layers([index], prune_norm=True, prune_head=True)
        visual.head = nn.Identity()
        return index
    raise FaceLLMError(
        f"open_clip tower {type(visual).__name__} gives no patch features; choose a ViT, "
        "ModifiedResNet or timm tower"
    )


@torch.no_grad()
def tower_shape(tower: dict[str, Any], layer: int) -> tuple[int, int, int]:
    """Image side S, channels D and grid side G of a tower, found by one pass of a blank view.

    Raises:
        FaceLLMError: a configuration open_clip cannot build, or one whose grid is not square.
    """
    try:
        module = VisionTower(tower, layer).eval()
    except (TypeError, RuntimeError, AssertionError) as error:
        raise FaceLLMError(f"open_clip cannot build the vision tower {tower}: {error}") from error
    size = tower.get("image_size", 224)
    side = size if isinstance(size, int) else size[0]
    tokens = module(torch.zeros(1, 3, side, side))
    grid = round(tokens.shape[1] ** 0.5)
    if grid * grid != tokens.shape[1]:
        raise FaceLLMError(f"tower gives {tokens.shape[1]} patches; expected a square grid")
    return side, tokens.shape[2], grid


@torch.no_grad()
def inner_levels(tower: dict[str, Any], layer: int) -> tuple[list[int], list[int]]:
    """The layers a third and two thirds of the way to `layer`, and the channels of their outputs.

    A tower of few layers has fewer of them.
    """
    module = VisionTower(tower, layer).eval()
    depth = module.layer + 1
    inner = sorted({max(0, depth * part // 3 - 1) for part in (1, 2)} - {module.layer})
    size = tower.get("image_size", 224)
    side = size if isinstance(size, int) else size[0]
    found = module.levels(torch.zeros(1, 3, side, side), inner)[:-1]
    return inner, [tokens.shape[2] for tokens in found]
