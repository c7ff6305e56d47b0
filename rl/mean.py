"""The mean of models that began as one: `python -m rl.mean RUN RUN [RUN …] --out FOLDER`.

Runs of one recipe and several seeds end in different places about the same valley; the mean of
their weights is often better than each (Wortsman et al., 2022, arXiv 2203.05482) and costs no more
to use than one of them.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import load_file, save_file

from facellm.core.errors import FaceLLMError, one_line

WEIGHTS = "model.safetensors"


def mean(runs: Sequence[Path], out: Path) -> None:
    """Write the mean of the runs' models; all but the weights is the first one's.

    Args:
        runs: output folders of `facellm train` or `facellm rl`, or model folders.
        out: a folder that does not exist yet.

    Raises:
        FaceLLMError: fewer than two runs, one without a model in one file, models that differ in
            their tensors, or a folder that is there.
    """
    folders = [run / "model" if (run / "model").is_dir() else run for run in runs]
    for folder in folders:
        if not (folder / WEIGHTS).is_file():
            raise FaceLLMError(f"{folder} holds no {WEIGHTS}; name finished runs")
    if len(folders) < 2:
        raise FaceLLMError("a mean is of two models at least; name more runs")
    if out.exists():
        raise FaceLLMError(f"{out} is there already; choose another folder")
    models = [load_file(folder / WEIGHTS) for folder in folders]
    shapes = [{name: tensor.shape for name, tensor in model.items()} for model in models]
    for folder, own in zip(folders, shapes, strict=True):
        if own != shapes[0]:
            odd = sorted(own.items() ^ shapes[0].items())[0][0]
            raise FaceLLMError(
                f"{folder} and {folders[0]} differ in {odd}; only models that began as one have a "
                "mean"
            )
    weights = {
        name: torch.stack([model[name].double() for model in models]).mean(0).to(first.dtype)
        for name, first in models[0].items()
    }
    shutil.copytree(folders[0], out)
    save_file(weights, out / WEIGHTS, {"format": "pt"})


def main(
    runs: Annotated[list[Path], typer.Argument(help="Output folders of finished runs.")],
    out: Annotated[Path, typer.Option(help="The model folder to write.")],
) -> None:
    """Average the weights of several runs."""
    mean(runs, out)


if __name__ == "__main__":
    with one_line("rl.mean"):
        typer.run(main)
