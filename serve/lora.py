"""Adapters are checked before vLLM loads them: one that does not fit ends its engine."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from facellm.core.errors import FaceLLMError, given

ADVICE = "expected a folder that `facellm train` or peft wrote for this model's language model"
_PEFT = "base_model.model."
_OURS = ("model.language_model.", "lm_head.")


def check_adapters(args: Namespace, model: Path) -> None:
    """Check those on the command line.

    Raises:
        FaceLLMError: an adapter that this server cannot load, or no --enable-lora.
    """
    if args.lora_modules and not args.enable_lora:
        raise FaceLLMError("--lora-modules needs --enable-lora")
    for module in args.lora_modules or []:
        check_adapter(module.path, model, args.max_lora_rank)


def check_adapter(adapter: str | Path, model: str | Path, most: int) -> None:
    """Compare an adapter's shapes with the weights it is for; reads headers only.

    Args:
        adapter: its folder.
        model: folder of the model.
        most: rank that the server has room for.

    Raises:
        FaceLLMError: no adapter, one of another model or kind, or too large a rank.
    """
    folder = Path(adapter)
    config = _config(folder)
    odd = [name for name in ("use_dora", "modules_to_save", "lora_bias") if config.get(name)]
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none" or odd:
        raise FaceLLMError(
            f"{given(folder)} is no plain LoRA (it has biases, or layers trained as a whole); "
            "merge it into the model and serve that"
        )
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    if not all(isinstance(rank, int) for rank in ranks):
        raise FaceLLMError(f"{given(folder)} states no rank; {ADVICE}")
    if max(ranks) > most:
        raise FaceLLMError(
            f"{given(folder)} has rank {max(ranks)}, the server room for {most}; start it with "
            f"--max-lora-rank {1 << (max(ranks) - 1).bit_length()}"
        )
    _check_shapes(folder, Path(model))


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise FaceLLMError(f"{given(folder)} holds no adapter_config.json; {ADVICE}")
    return config


def _check_shapes(folder: Path, model: Path) -> None:
    parts = _shapes(folder / "adapter_model.safetensors")
    weights = {
        n: s for file in sorted(model.glob("*.safetensors")) for n, s in _shapes(file).items()
    }
    for name, shape in parts.items():
        layer, _, kind = name.removeprefix(_PEFT).partition(".lora_")
        if not layer.startswith(_OURS) or kind not in ("A.weight", "B.weight"):
            raise FaceLLMError(
                f"{given(folder)} adapts {given(layer)}, and only the language model's layers can "
                "be adapted while serving; merge it into the model and serve that"
            )
        # (out, in) of the layer, (rank, in) of A, (out, rank) of B
        side = 1 if kind[0] == "A" else 0
        weight = weights.get(f"{layer}.weight")
        if weight is None and layer == "lm_head":  # tied to the words' embeddings
            weight = weights.get("model.language_model.embed_tokens.weight")
        if weight is None or len(shape) != 2 or weight[side] != shape[side]:
            raise FaceLLMError(
                f"{given(folder)} is for another model: its {given(layer)} does not fit"
            )


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as tensors:
            return {n: tuple(tensors.get_slice(n).get_shape()) for n in tensors.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        raise FaceLLMError(f"{given(file)} is missing or damaged; {ADVICE}") from None
