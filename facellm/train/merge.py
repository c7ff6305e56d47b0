"""An adapter merged into the model it was trained on: one plain folder that everything can load.

python -m facellm.train.merge RUN/model RUN/adapter --out FOLDER
"""

from pathlib import Path
from typing import Annotated

import torch
import typer
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError, given, one_line
from facellm.train.assemble import save


def merge(model: Path, adapter: Path, out: Path) -> None:
    """Write `model` with `adapter` added to its weights to the folder `out`.

    Raises:
        FaceLLMError: no such folders, or an adapter of another model.
    """
    from peft import PeftModel

    if not (adapter / "adapter_config.json").is_file():
        raise FaceLLMError(f"no adapter in {given(adapter)}; expected the adapter folder of a run")
    folder = checkpoint_folder(model)
    base = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    try:
        adapted = PeftModel.from_pretrained(base, adapter)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise FaceLLMError(f"{given(adapter)} does not fit {given(model)}: {reason}") from None
    save(adapted.merge_and_unload(safe_merge=True), AutoProcessor.from_pretrained(folder), out)


def main(model: Path, adapter: Path, out: Annotated[Path, typer.Option()]) -> None:
    """Merge ADAPTER into MODEL."""
    with one_line("merge"):
        merge(model, adapter, out)
    print(out)


if __name__ == "__main__":
    typer.run(main)
