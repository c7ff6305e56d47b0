"""GRPO of stock vision-language models with face regions (`facellm.stock`).

Qwen3-VL and Qwen2.5-VL, for which a picture is one view: landmarks (I, F, 68, 2) have a row a
picture, as TRL slices and shuffles what it knows by that name. TRL itself carries them no further
than generation, since it takes Qwen's pictures by their grids.
"""

import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError
from facellm.stock.model import TRL_NAME
from facellm.train.recipe import PartName
from rl.likelihood import whole
from rl.recipe import Recipe
from rl.watched import WatchedTrainer

FAMILIES = ("facellm_qwen3_vl", "facellm_qwen2_5_vl")
PARTS: dict[str, PartName] = {
    r"(^|\.)region_encoder\.": "region_encoder",
    r"(^|\.)(language_model|lm_head)\.": "language_model",
    r"(^|\.)(merger|deepstack_merger_list)\.": "projector",
    r"(^|\.)visual\.": "vision_tower",
}
"""Where a parameter stands in a stock model → its part; the first that fits."""


def start_folder(model: Path | None) -> Path:
    """The folder of a start model, our own or a stock one with face regions.

    Raises:
        FaceLLMError: no such model, or a stock family that cannot be reinforced here.
    """
    if not is_stock(model):
        return checkpoint_folder(model)
    assert model is not None
    kind = _kind(model)
    if kind not in FAMILIES:
        raise FaceLLMError(
            f"{model} is a {kind}; of stock models with face regions {' and '.join(FAMILIES)} can "
            "be reinforced"
        )
    return model


def is_stock(model: Path | None) -> bool:
    """Whether a folder holds a stock model with face regions; importing it registers these."""
    if model is None or not (_kind(model) or "").startswith("facellm_"):
        return False
    import facellm.stock  # noqa: F401

    return True


def _kind(model: Path) -> str | None:
    try:
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return config.get("model_type") if isinstance(config, dict) else None


def check_recipe(recipe: Recipe) -> None:
    """See that a recipe asks nothing that is made for our own model alone.

    Raises:
        FaceLLMError: it does.
    """
    if recipe.rollouts != "transformers":
        raise FaceLLMError("a stock model's answers are drawn by rollouts transformers")
    if recipe.rubric.looked is not None:
        raise FaceLLMError("rubric.looked reads our own model's attention; take it out")
    if recipe.evaluate or recipe.lora is not None:
        raise FaceLLMError(
            "a stock model is reinforced without evaluate and lora; set evaluate to 0 and leave "
            "lora out"
        )


def freeze(model: nn.Module, recipe: Recipe) -> None:
    """Let the recipe's parts learn and all others rest.

    Raises:
        FaceLLMError: a part that stock models have not.
    """
    found = set()
    for name, parameter in model.named_parameters():
        part = next((part for where, part in PARTS.items() if re.search(where, name)), None)
        parameter.requires_grad_(part in recipe.train)
        found.add(part)
    missing = [part for part in recipe.train if part not in found]
    if missing:
        raise FaceLLMError(f"train names {missing[0]}, which this stock model has not")


def rollout_processor(plain: Any) -> Any:
    """A stock processor that hands landmarks out under TRL's name; looks for no face itself.

    What is saved beside the weights is the plain one.
    """
    made = copy.copy(plain)
    made.landmarks_name, made.finder = TRL_NAME, None
    made.save_pretrained = plain.save_pretrained
    return made


class StockGRPOTrainer(WatchedTrainer):
    """GRPO for stock models with face regions."""

    def inputs_of(
        self, model: nn.Module, rows: slice, pictures: slice, length: int, batch: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See `WatchedTrainer`; patches are packed, as many a picture as its grid says."""
        grid: Tensor = batch["image_grid_thw"]
        ends = [0, *grid.prod(-1).cumsum(0).tolist()]
        patches = slice(ends[pictures.start], ends[pictures.stop])
        seen = {name: batch[name][pictures] for name in ("image_grid_thw", TRL_NAME)}
        seen["pixel_values"] = batch["pixel_values"][patches]
        if batch.get("mm_token_type_ids") is not None:
            seen["mm_token_type_ids"] = batch["mm_token_type_ids"][rows]
        return seen | whole(batch["input_ids"][rows], batch["attention_mask"][rows], length)
