"""FEA-20K (Facial-R1, Wu et al., AAAI 2026): reasoning from action units to an emotion.

    path/**/*.jsonl     {"id": "…", "dataset": "RAF-DB", "image": "a.jpg", "question": "…",
                         "AUs": ["AU1", "AU4"], "labels": ["sadness"], "description": "…"}

The set holds texts only; the pictures are those of DISFA, BP4D, RAF-AU, FER2013, AffectNet, RAF-DB
and FABA-Instruct, put below `media` as the `image` fields say. File names carry `Test` for the test
part and `stage1` to `stage3` for what the authors trained in which stage; stage 1 is the set's
training part, so only that is read unless `stage` says otherwise. Names of fields as the authors
document them; the names of the files are our reading of their README and configuration.

`AUs` names the units somebody or some model found present, without an intensity and from
vocabularies that differ between the parts: they are kept in `truth`, not among the facts. A model
wrote the descriptions and a program checked them against the labels; the rows are marked weak.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from data_engine.row import Part
from data_engine.sources.base import existing
from data_engine.sources.conversations import Imported, Told, files_of, unique_ids
from data_engine.sources.entries import JsonRecord, json_files, json_records
from data_engine.sources.turns import Turn, parts_of, place_tags
from facellm.core.emotions import emotion
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split

_UNIT = re.compile(r"AU0?([1-9][0-9]?)")
_STAGE = re.compile(r"stage([0-9])", re.IGNORECASE)


class Fea20k(Imported):
    """Rows of one question and one description that reasons; `path` is a file or the folder."""

    name = "fea20k"
    licence = "not stated; pictures: the terms of each set"
    splits: ClassVar[dict[str, Split]] = {"train": "train", "test": "test"}

    media: Path
    """Folder that the `image` fields are relative to."""
    stage: int = Field(default=1, ge=1, le=3)
    """Which training files are read, where their names carry a stage."""

    def records(self) -> Iterator[JsonRecord]:
        """The records of the wanted files."""
        existing(self.media, "expected the pictures of the sets behind FEA-20K")
        for file in json_files(self.path):
            part = _part(file)
            staged = _STAGE.search(file.stem)
            wanted = part == "test" or staged is None or int(staged[1]) == self.stage
            if wanted and self.wants(part):
                yield from unique_ids(json_records(file), "id")

    def tell(self, record: JsonRecord) -> Told:
        """Question and description; the picture comes first where no tag places it."""
        turns = [
            Turn("user", parts_of(record.text("question"))),
            Turn("assistant", [Part(type="text", text=record.text("description"))]),
        ]
        emotions = [_emotion(record, word) for word in record.texts("labels")]
        truth: dict[str, Any] = {"action_units": _units(record), "emotions": emotions}
        known = emotions[0] if len(emotions) == 1 else None
        images = files_of(record, self.media, "image")
        return Told(
            turns=place_tags(turns, len(images), 0),
            task="emotion_reasoning",
            images=images,
            split=self.splits[_part(record.file)],
            facts=[FaceLabels(emotion=known)] if known else [],
            truth=truth,
            teacher="Facial-R1",
        )


def _part(file: Path) -> str:
    return "test" if "test" in file.stem.lower() else "train"


def _emotion(record: JsonRecord, word: str) -> str:
    try:
        return emotion(word)
    except FaceLLMError as error:
        raise record.error(f"labels: {error}") from None


def _units(record: JsonRecord) -> list[int]:
    numbers = []
    for code in record.texts("AUs"):
        match = _UNIT.fullmatch(code.strip())
        if match is None:
            raise record.error(f"AUs holds {given(code)}; expected codes such as 'AU12'")
        numbers.append(int(match[1]))
    return sorted(set(numbers))
