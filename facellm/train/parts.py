"""The parts of the model in training: which learn, how fast, and what is saved of them."""

import re
from typing import Any

from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.train.recipe import PARTS, SEEING, PartName, Stage

_PART = re.compile(rf"(?:^|\.)({'|'.join(PARTS)}|lm_head)\.")
_VISION = re.compile(r"(?:^|\.)vision\.")
_ADAPTER = ".lora_"


def part_of(name: str) -> PartName | None:
    """The part that a parameter or buffer belongs to, by its name in whatever holds the model."""
    match = _PART.search(name)
    if match is None:  # what else the vision part has, goes with what reads the regions
        return "region_encoder" if _VISION.search(name) else None
    return "language_model" if match[1] == "lm_head" else match[1]  # type: ignore[return-value]


def learns(name: str, stage: Stage) -> bool:
    """Whether the stage changes what is called so: a named part, a head, or an adapter.

    With adapters on the language model, nothing else of it learns.
    """
    part = part_of(name)
    if part == "language_model" and stage.lora is not None:
        return _ADAPTER in name
    if part == "readings" and "region_encoder" in stage.train:
        return True
    return part is None or part in stage.train


def freeze(module: nn.Module, stage: Stage) -> None:
    """Let the stage's parts learn and all others rest, whatever they did before.

    Resting parts keep their running statistics too: only learning parts are in training mode.

    Raises:
        FaceLLMError: a part to be trained that this model does not have.
    """
    found = set()
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(learns(name, stage))
        found |= {part_of(name)} if parameter.requires_grad else set()
    missing = [part for part in stage.train if part not in found]
    if missing:
        raise FaceLLMError(f"stage {stage.name} trains {missing[0]}, which this model has not")
    module.train()
    for name, inner in module.named_modules():
        leaf = name.rsplit(".", 1)[-1]
        if leaf in PARTS and leaf not in stage.train:
            inner.eval()


def rests(stage: Stage) -> bool:
    """Whether what sees rests in this stage: it may run without gradients, and only once."""
    return not set(SEEING) & set(stage.train)


def parameter_groups(module: nn.Module, stage: Stage) -> list[dict[str, Any]]:
    """The parameters that learn, by learning rate and weight decay.

    Matrices alone decay: gates, slopes, norms and biases are scales, not features.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            part = part_of(name)
            rate = stage.learning_rates.get(part) if part else None
            decay = stage.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate or stage.learning_rate, decay), []).append(parameter)
    return [
        {"params": found, "lr": rate, "weight_decay": decay}
        for (rate, decay), found in groups.items()
    ]


def trained_state(state: dict[str, Tensor], stage: Stage) -> dict[str, Tensor]:
    """What the stage changes of a state: its parts, with their running statistics, and heads."""
    return {name: value for name, value in state.items() if learns(name, stage)}
