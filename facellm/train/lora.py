"""Low-rank adapters on the language model alone: put in place, merged, or saved beside it.

They are put inside the model as it is, so that everything else goes on without knowing of them.
Saved adapters are peft's own format: `PeftModel.from_pretrained(model, folder)` takes them.
"""

import re
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from facellm.core.errors import FaceLLMError
from facellm.model import FaceLLMForConditionalGeneration
from facellm.train.recipe import Lora

_NAME = "default"


def add(model: FaceLLMForConditionalGeneration, lora: Lora) -> None:
    """Put adapters into the language model; they change nothing until trained.

    Raises:
        FaceLLMError: `target` names no linear layer, or peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise FaceLLMError("lora needs peft: pip install 'facellm[train]'") from None
    targets = _targets(model.model.language_model, lora.target)
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets
    )
    inject_adapter_in_model(config, model.model.language_model, _NAME)


def _targets(language_model: nn.Module, target: str | list[str]) -> list[str]:
    """Full names of the linear layers that are meant."""
    layers = [n for n, m in language_model.named_modules() if isinstance(m, nn.Linear)]
    if target == "all-linear":
        chosen = layers
    elif isinstance(target, str):
        try:
            chosen = [name for name in layers if re.fullmatch(target, name)]
        except re.error as error:
            raise FaceLLMError(
                f"lora target {target!r} is no regular expression: {error}"
            ) from None
    else:
        chosen = [name for name in layers if name.rsplit(".", 1)[-1] in target]
    if not chosen:
        kinds = ", ".join(dict.fromkeys(name.rsplit(".", 1)[-1] for name in layers))
        raise FaceLLMError(
            f"lora target {target!r} matches no layer of the language model ({kinds})"
        )
    return chosen


def merge(model: FaceLLMForConditionalGeneration) -> None:
    """Add the adapters to the weights they adapt and take them out; without any, do nothing."""
    _take_out(model, merged=True)


def save(model: FaceLLMForConditionalGeneration, lora: Lora, folder: Path) -> None:
    """Write the adapters in peft's format and take them out of the model, unmerged."""
    from peft import LoraConfig

    state = {
        f"base_model.model.{name.replace(f'.{_NAME}.', '.')}": value.contiguous().cpu()
        for name, value in model.state_dict().items()
        if ".lora_" in name
    }
    targets = sorted({name.split(".lora_")[0].removeprefix("base_model.model.") for name in state})
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
        inference_mode=True,
    )
    config.save_pretrained(str(folder))
    save_file(state, folder / "adapter_model.safetensors", {"format": "pt"})
    _take_out(model, merged=False)


def _take_out(model: nn.Module, merged: bool) -> None:
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapted = [(n, m) for n, m in model.named_modules() if isinstance(m, BaseTunerLayer)]
    for name, layer in adapted:
        if merged:
            layer.merge(safe_merge=True)  # refuses to merge what is not finite
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer.get_base_layer())
