"""How sure a model may be of an expression, measured on people held back.

python -m eval.temper MODEL CORPUS [CORPUS …] --out FOLDER

    validation faces ──► the eight nouns' probabilities p ──► T that makes their labels y likeliest
    report: p_w ← p_w^(1/T) / Σ_v p_v^(1/T)

A language model is tuned on people whose expressions the tower knows too well, and believes it as
much of others. One temperature (Guo et al., 2017) on the probabilities of a report mends that
without changing which expression is the likeliest, nor any other answer.
"""

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError, given, one_line
from facellm.core.sample import Face, read_samples
from facellm.faces import load_image
from facellm.prompts import Request, landmarks_of
from facellm.reader import FaceReader, load
from facellm.tasks import TASKS

LEAST = 100
"""Faces with an expression that a temperature is measured on at least."""
BATCH = 32
RANGE = (0.2, 10.0)
"""Temperatures that are looked at."""


def fit(probabilities: NDArray[np.float64], right: NDArray[np.int_]) -> float:
    """The temperature under which the labels are the likeliest.

    Args:
        probabilities: of every expression, (N, 8), rows sum to 1.
        right: the labelled ones, (N,).
    """
    from scipy.optimize import minimize_scalar

    logs = np.log(probabilities.clip(1e-12))

    def loss(log_temperature: float) -> float:
        scaled = logs / math.exp(log_temperature)
        total = np.log(np.exp(scaled).sum(1))
        return float((total - scaled[np.arange(len(right)), right]).mean())

    bounds = (math.log(RANGE[0]), math.log(RANGE[1]))
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)


def _labelled(corpora: Sequence[Path]) -> Iterator[tuple[Path, Face]]:
    """Pictures of the validation splits with each face whose expression is labelled."""
    for corpus in corpora:
        for sample in read_samples(corpus):
            for face in sample.faces if sample.split == "val" else ():
                if face.points is not None and face.labels.emotion is not None:
                    yield corpus / sample.image, face


def _likely(reader: FaceReader, faces: Sequence[tuple[Path, Face]]) -> NDArray[np.float64]:
    """(N, 8): what the model holds likely, tempered as it is."""
    tree = reader.emotions
    question = TASKS["expression"].canonical_question(None)
    rows = []
    for start in range(0, len(faces), BATCH):
        requests = [
            Request(load_image(picture), landmarks_of([face]), question)
            for picture, face in faces[start : start + BATCH]
        ]
        done = reader.engine.generate([look for one in requests for look in tree.looks(one)])
        looks = [one.logprobs for one in done]
        for first in range(0, len(looks), len(tree.branches)):
            likely = tree.probabilities(looks[first : first + len(tree.branches)])
            rows.append([likely[word] for word in EMOTIONS])
    return np.array(rows)


def temper(model: Path, corpora: Sequence[Path], out: Path) -> float:
    """Write the model with the temperature measured on the corpora's validation faces; returns it.

    Landmarks are the corpora's own. A temperature that the model has already is measured anew.

    Raises:
        FaceLLMError: corpora with fewer than `LEAST` validation faces of a labelled expression, or
            a folder that is there.
    """
    if out.exists():
        raise FaceLLMError(f"{given(out)} is there already; choose another folder")
    faces = list(_labelled(corpora))
    if len(faces) < LEAST:
        raise FaceLLMError(
            f"the corpora have {len(faces)} validation faces with an expression and landmarks; "
            f"a temperature is measured on {LEAST} or more"
        )
    reader = load(model)
    likely = _likely(reader, faces)
    right = np.array([EMOTIONS.index(face.labels.emotion) for _, face in faces])
    more = fit(likely, right)
    tempered = likely ** (1 / more)
    tempered /= tempered.sum(1, keepdims=True)
    temperature = reader.emotions.temperature * more
    before, after = likely.max(1).mean(), tempered.max(1).mean()
    print(
        f"{len(right)} faces: right {(likely.argmax(1) == right).mean():.3f}, "
        f"sure {before:.3f} → {after:.3f} by temperature {temperature:.2f}"
    )
    shutil.copytree(model, out)
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    config["expression_temperature"] = round(temperature, 3)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return config["expression_temperature"]


def main(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    corpora: Annotated[list[Path], typer.Argument(help="Corpora with a validation split.")],
    out: Annotated[Path, typer.Option(help="The model folder to write.")],
) -> None:
    """Temper how sure a model is of expressions by the labels of people held back."""
    with one_line("eval.temper"):
        temper(model, corpora, out)


if __name__ == "__main__":
    typer.run(main)
