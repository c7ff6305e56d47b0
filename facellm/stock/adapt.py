"""Training a stock model with face regions by adapters, and getting a plain folder back."""

from pathlib import Path
from typing import Any

from facellm.core.errors import FaceLLMError

LANGUAGE_LAYERS = (
    r".*\b(language_model|text_model)\b.*\."
    r"(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
)
"""The linear layers of the language model in every family; none of the vision tower."""


def lora_config(rank: int = 16, **options: Any) -> Any:
    """peft's configuration: LoRA on the language model, the region encoder trained in full.

    Args:
        rank: of the adapters.
        **options: of `peft.LoraConfig`.
    """
    from peft import LoraConfig

    settings = {
        "r": rank,
        "lora_alpha": 2 * rank,
        "target_modules": LANGUAGE_LAYERS,
        "modules_to_save": ["region_encoder"],
        "task_type": "CAUSAL_LM",
    }
    return LoraConfig(**{**settings, **options})


def merge_and_export(model: Any, processor: Any, folder: Path | str) -> Any:
    """Merge the adapters into the weights and write model and processor as one plain folder.

    transformers' Auto classes read it after `import facellm.stock`, the vLLM plugin without more.

    Args:
        model: as peft's `get_peft_model` or `PeftModel.from_pretrained` gave it.
        processor: with face regions, see `add_face_regions`.
        folder: made where it does not exist.

    Returns:
        The merged model.

    Raises:
        FaceLLMError: a model without adapters, or without a region encoder.
    """
    if not hasattr(model, "merge_and_unload"):
        raise FaceLLMError(f"{type(model).__name__} has no adapters to merge; save it as it is")
    merged = model.merge_and_unload()
    if not hasattr(getattr(merged, "model", None), "region_encoder"):
        raise FaceLLMError(f"{type(merged).__name__} has no region encoder; add_face_regions first")
    merged.save_pretrained(folder)
    processor.save_pretrained(folder)
    return merged
