"""LFW photographs with expression labels (muxspace/facial_expressions, labels Apache-2.0).

    python -m data_engine.sources.lfw_emotion FOLDER --finder-model FOLDER --out FOLDER

Reads `labels.csv` (path, label, person), finds the face in the middle of each picture with the
mediapipe finder, adds its weak action units and writes `samples.jsonl`. Persons, not pictures, are
split into train and test, by the hash of their name. Pictures stay where they are.
"""

import csv
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from data_engine.weak import weak_units
from facellm.core.emotions import emotion
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels, Provenance, Sample, write_samples
from facellm.core.splits import split_of
from facellm.faces import load_image
from facellm.faces.mediapipe import FoundFace, MediapipeFinder

LICENCE = "labels Apache-2.0; photographs: LFW, research use"


def rows(folder: Path) -> Iterator[dict[str, str]]:
    """The rows of `labels.csv`.

    Raises:
        FaceLLMError: no such file, or one without the columns path, label and person.
    """
    path = folder / "labels.csv"
    if not path.is_file():
        raise FaceLLMError(f"no labels.csv in {folder}; expected the lfw_emotion folder")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = {"path", "label", "person"} - set(reader.fieldnames or ())
        if missing:
            raise FaceLLMError(f"{path}:1 lacks the columns {', '.join(sorted(missing))}")
        yield from reader


def in_the_middle(found: list[FoundFace], size: tuple[int, int]) -> FoundFace | None:
    """The labelled face: LFW pictures are centred on their person."""

    def offset(item: FoundFace) -> float:
        x0, y0, x1, y1 = item.face.box
        return abs((x0 + x1) / 2 - size[0] / 2) + abs((y0 + y1) / 2 - size[1] / 2)

    return min(found, key=offset, default=None)


def samples(folder: Path, out: Path, finder: MediapipeFinder) -> Iterator[Sample]:
    """One sample a picture in which the finder sees a face with scores."""
    for row in rows(folder):
        file = folder / row["path"]
        image = load_image(file)
        seen = in_the_middle(finder.find_with_blendshapes(image), image.size)
        units = weak_units(seen.blendshapes) if seen else None
        if seen is None or units is None:
            typer.echo(f"left out, no landmarks found: {row['path']}", err=True)
            continue
        labels = FaceLabels(
            emotion=emotion(row["label"]), action_units=units, weak=frozenset({"action_units"})
        )
        yield Sample(
            id=hashlib.sha256(file.read_bytes()).hexdigest()[:16],
            image=os.path.relpath(file, out),
            faces=[seen.face.model_copy(update={"labels": labels})],
            provenance=Provenance(
                source="lfw_emotion", licence=LICENCE, subject_id=f"lfw-{row['person']}"
            ),
            split=split_of(row["person"], val=0.1, test=0.15, salt="lfw_emotion"),
        )


def main(
    folder: Path,
    out: Annotated[Path, typer.Option()],
    finder_model: Annotated[Path, typer.Option(help="Folder with the mediapipe finder's files.")],
) -> None:
    """Write the photographs of FOLDER as a corpus of samples."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        finder = MediapipeFinder.from_folder(finder_model)
        count = write_samples(out / "samples.jsonl", samples(folder, out, finder))
    except FaceLLMError as error:
        typer.echo(f"lfw_emotion: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{count} photographs in {out}")


if __name__ == "__main__":
    typer.run(main)
