"""Finding a model on disk and judging, in milliseconds and without torch, whether it can load."""

import json
from pathlib import Path

from facellm.core.errors import FaceLLMError, given

SHIPPED = Path(__file__).parent / "weights" / "nano"
NEEDED = ("config.json", "processor_config.json", "tokenizer.json")
ADVICE = "expected a folder written by save_pretrained or `facellm train`"
NEEDS_THE_QUESTION = (
    "this model sees every picture under the question that is asked about it (prompt_guided), and "
    "vLLM reads a picture once for all questions; run it with transformers (`facellm ask`, "
    "`facellm describe`), or train one without prompt_guided to serve"
)
"""Why vLLM cannot run some models."""


def checkpoint_folder(model: str | Path | None = None) -> Path:
    """The folder of a model, checked; None is the model that ships with the package.

    Raises:
        FaceLLMError: no such folder, files missing, another kind of model, or damaged weights.
    """
    folder = SHIPPED if model is None else Path(model).expanduser()
    if not folder.is_dir():
        if model is None:
            raise FaceLLMError("this installation ships no weights; name a model folder")
        raise FaceLLMError(f"no model folder {given(folder)}; {ADVICE}")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise FaceLLMError(f"{given(folder)} holds no {missing[0]}; {ADVICE}")
    _check_config(folder)
    _check_weights(folder)
    return folder


def check_servable(folder: Path) -> None:
    """See that vLLM can run the model of a checked folder.

    Raises:
        FaceLLMError: it cannot.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if (config.get("vision_config") or {}).get("prompt_guided"):
        raise FaceLLMError(NEEDS_THE_QUESTION)


def model_name(folder: Path) -> str:
    """What reports and the server call a model: `facellm-` and the folder's name."""
    name = folder.resolve().name
    return name if name.startswith("facellm") else f"facellm-{name}"


def _check_config(folder: Path) -> None:
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        raise FaceLLMError(f"{given(folder / 'config.json')} cannot be read; {ADVICE}") from None
    if kind != "facellm":
        raise FaceLLMError(f"{given(folder)} holds a model of type {kind!r}; expected 'facellm'")


def _check_weights(folder: Path) -> None:
    """Open each file: the header says how long it must be, so a cut-off copy shows at once."""
    from safetensors import SafetensorError, safe_open

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FaceLLMError(f"{given(folder)} holds no *.safetensors; {ADVICE}")
    for file in files:
        try:
            with safe_open(file, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise FaceLLMError(f"{given(file)} is damaged: {error}; copy it again") from None
