"""What readings say too much, measured on people held back and taken off.

python -m facellm.train.calibrate MODEL CORPUS [CORPUS …] --out FOLDER

    readings v and labels y of the validation faces ──► per unit, levels 0 … 5 → y ──► correction

Of faces like those it learned from, a reading is right on average; of people it has not seen, what
it reads as slight is often not there at all, and a language model that is told of it makes evidence
of it. Each unit gets the line through six levels that fits the labels best in squares and nowhere
falls: isotonic regression (Zadrozny and Elkan, 2002) with few knots, so that a hundred faces are
enough. What is read above its label counts `EXCESS` times as much as what is read below it
(asymmetric squares: Newey and Powell, 1987), since evidence that is made up is worse than evidence
left out. Where a level is rare, `PRIOR` faces that were read rightly keep it near itself.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor

import facellm.model  # noqa: F401  (registers the classes that the Auto classes return)
from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import FaceLLMError, given, one_line
from facellm.model.readings import LEVELS, added, near
from facellm.train.arms import read_faces
from facellm.train.assemble import save
from facellm.train.crops import load_crops
from facellm.train.see import Seer

PRIOR = 10.0
"""Faces at each level, read as they are labelled, that are added to those measured."""
EXCESS = 2.0
"""What a square of intensity read above its label costs, where one below costs 1."""
ROUNDS = 12
"""Times that the line is fitted anew to what lies above it; it stands still before."""
LEAST = 100
"""Faces with action units that a correction is measured on at least."""


def fit(read: Tensor, labels: Tensor) -> Tensor:
    """What is to be added to each unit at each level, (A, 6).

    Args:
        read: intensities 0-5 as read, (N, A).
        labels: as labelled, (N, A), NaN where unlabelled.
    """
    return torch.stack([_fit_one(*unit) for unit in zip(read.T, labels.T, strict=True)])


def _fit_one(read: Tensor, labels: Tensor) -> Tensor:
    from scipy.optimize import nnls  # comes with the extra `train`

    known = ~labels.isnan()
    read, labels = read[known].double().clamp(0, LEVELS - 1), labels[known].double()
    levels = torch.arange(LEVELS, dtype=torch.float64)
    shares = near(read.unsqueeze(-1), 0, LEVELS - 1)
    # What one level is above the one before it is not negative.
    rising = torch.ones(LEVELS, LEVELS, dtype=torch.float64).tril()
    line = levels
    for _ in range(ROUNDS):
        cost = torch.where(shares @ line > labels, EXCESS, 1.0)
        weight = torch.cat([cost, torch.full_like(levels, PRIOR)]).sqrt()
        rows = weight[:, None] * torch.cat([shares, torch.eye(LEVELS, dtype=torch.float64)])
        wanted = weight * torch.cat([labels, levels])
        steps: NDArray[np.float64] = nnls((rows @ rising).numpy(), wanted.numpy())[0]
        line = rising @ torch.from_numpy(steps)
    return (line - levels).float()


def calibrate(model: Path, corpora: Sequence[Path], out: Path) -> None:
    """Write the model with its readings corrected on the validation faces of the corpora.

    A correction that the model has already is measured anew; all other weights stay.

    Raises:
        FaceLLMError: a model without readings, corpora with fewer than `LEAST` labelled validation
            faces, or a folder that is there.
    """
    if out.exists():
        raise FaceLLMError(f"{given(out)} is there already; choose another folder")
    folder = checkpoint_folder(model)
    whole = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    readings = whole.model.vision.readings
    if readings is None:
        raise FaceLLMError(f"{given(model)} has no readings that could be corrected")
    readings.correction.zero_()
    seer = Seer(whole.model.vision)
    read, labels = [], []
    for corpus in corpora:
        crops = load_crops(corpus, "val")
        read.append(read_faces(seer, crops).units)
        labels.append(crops.units)
    known = int((~torch.cat(labels).isnan()).any(1).sum())
    if known < LEAST:
        raise FaceLLMError(
            f"the corpora have {known} validation faces with action units; "
            f"a correction is measured on {LEAST} or more"
        )
    correction = fit(torch.cat(read), torch.cat(labels))
    for corpus, found, gold in zip(corpora, read, labels, strict=True):
        errors = [(x - gold).abs().nanmean() for x in (found, found + added(found, correction))]
        print(f"{corpus}: {len(gold)} faces, mean error {errors[0]:.3f} → {errors[1]:.3f}")
    readings.correction.copy_(correction)
    save(whole, AutoProcessor.from_pretrained(folder), out)


def main(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    corpora: Annotated[list[Path], typer.Argument(help="Corpora with a validation split.")],
    out: Annotated[Path, typer.Option(help="The model folder to write.")],
) -> None:
    """Correct what a model reads by the labels of people held back."""
    with one_line("facellm.train.calibrate"):
        calibrate(model, corpora, out)


if __name__ == "__main__":
    typer.run(main)
