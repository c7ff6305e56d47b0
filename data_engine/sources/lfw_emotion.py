"""LFW photographs with expression labels (muxspace/facial_expressions, labels Apache-2.0).

    python -m data_engine.sources.lfw_emotion FOLDER --finder-model FOLDER --out FOLDER

Reads `labels.csv` (path, label, person), finds the face in the middle of each picture with the
mediapipe finder, adds its weak action units and, as a command, writes `samples.jsonl`. Persons, not
pictures, are split into train, val and test, by the hash of their name. Pictures stay where they
are; one in which the finder sees no landmarks is left out with a reason.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from data_engine.sources.base import Source, first_existing
from data_engine.sources.table import Entry, check_unique, csv_entries
from data_engine.step import Item, Reject
from data_engine.weak import weak_units
from facellm.core.errors import FaceLLMError, one_line
from facellm.core.sample import FaceLabels, Sample, write_samples
from facellm.core.splits import split_of
from facellm.faces import load_image
from facellm.faces.crop import most_central
from facellm.faces.mediapipe import MediapipeFinder


class LfwEmotion(Source):
    """The folder with `labels.csv` and `images`."""

    name: ClassVar[str] = "lfw_emotion"
    licence: ClassVar[str] = "labels Apache-2.0; photographs: LFW, research use"

    finder_model: Path
    """Folder with the mediapipe finder's files."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        table = first_existing(self.path, "labels.csv")
        finder = MediapipeFinder.from_folder(self.finder_model)
        for entry in check_unique(csv_entries(table, ("path", "label", "person")), "path"):
            yield self._item(entry, finder, out)

    def _item(self, entry: Entry, finder: MediapipeFinder, out: Path) -> Item | Reject:
        file = self.path / entry["path"]
        emotion = entry.emotion("label")
        try:
            image = load_image(file)
        except FaceLLMError as error:
            return self.reject(file, str(error), entry.where)
        found = finder.find_with_blendshapes(image)
        # LFW pictures are centred on the person who is labelled.
        middle = most_central([item.face.box for item in found], image.size)
        units = None if middle is None else weak_units(found[middle].blendshapes)
        if middle is None or units is None:
            return self.reject(file, "no landmarks found", entry.where, "no_landmarks")
        labels = FaceLabels(emotion=emotion, action_units=units, weak=frozenset({"action_units"}))
        sample = self.sample(
            file,
            out,
            labels,
            split=split_of(entry["person"], val=0.1, test=0.15, salt="lfw_emotion"),
            subject=entry["person"],
            where=entry.where,
        )
        if isinstance(sample, Reject):
            return sample
        faces = [found[middle].face.model_copy(update={"labels": labels})]
        person = self.provenance(f"lfw-{entry['person']}")
        return sample.model_copy(update={"faces": faces, "provenance": person})


def kept(items: Iterator[Item | Reject]) -> Iterator[Sample]:
    """The samples; the rejects are told on stderr."""
    for item in items:
        if isinstance(item, Sample):
            yield item
        elif isinstance(item, Reject):
            typer.echo(f"left out, {item.detail}", err=True)


def main(
    folder: Path,
    out: Annotated[Path, typer.Option()],
    finder_model: Annotated[Path, typer.Option(help="Folder with the mediapipe finder's files.")],
) -> None:
    """Write the photographs of FOLDER as a corpus of samples."""
    out.mkdir(parents=True, exist_ok=True)
    source = LfwEmotion(path=folder, finder_model=finder_model)
    with one_line("lfw_emotion"):
        count = write_samples(out / "samples.jsonl", kept(source.items(out)))
    typer.echo(f"{count} photographs in {out}")


if __name__ == "__main__":
    typer.run(main)
