"""How an imported conversation becomes a row.

    record ── tell ── turns, files, what is known ── checks ──▶ Row | Reject

Tags and files must agree in number, or the answer would speak of another picture. The text stays
as it is but for the blanks around it and around a tag.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from data_engine.row import Making, Message, Row
from data_engine.sources.base import (
    Source,
    content_id,
    hash_of,
    picture_size,
    relative,
    why_unreadable,
)
from data_engine.sources.entries import JsonRecord
from data_engine.sources.table import Once
from data_engine.sources.turns import Turn, check_tags, check_turns
from data_engine.sources.video import video_problem
from data_engine.step import Item, Reject
from facellm.core.errors import given
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split, split_of

Look = Callable[[Path, bool], tuple[str, str | None]]
_FILES = 1024
"""Files whose id is remembered: questions about one picture mostly follow one another."""


class Told(NamedTuple):
    """A conversation as its source tells it."""

    turns: list[Turn]
    task: str
    """A kind of conversation: no task of ours scores an imported answer."""
    images: Sequence[Path] = ()
    """In the order of their tags; likewise the videos."""
    videos: Sequence[Path] = ()
    split: Split | None = None
    """None splits by subject."""
    subject: str | None = None
    """The person's id, without a prefix; None takes the first picture, or the row itself."""
    facts: Sequence[FaceLabels] = ()
    """Left out where the set has no labels: one unlabelled face a picture or video is assumed."""
    truth: dict[str, Any] | None = None
    teacher: str = "not stated"
    """Who wrote the answers, as the set says."""
    weak: bool = True
    """Whether the answers rest on what a model saw in the picture."""


class Imported(Source, ABC):
    """A source of conversations that somebody else wrote."""

    @abstractmethod
    def records(self) -> Iterator[JsonRecord]:
        """The records of the wanted parts, in a stable order."""

    @abstractmethod
    def tell(self, record: JsonRecord) -> Told:
        """What a record says.

        Raises:
            FaceLLMError: a record that is not as documented.
        """

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield each conversation once; one that is there again word by word is a reject."""
        first: dict[str, str] = {}
        look = lru_cache(_FILES)(_look)
        for record in self.records():
            row = self._row(record, self.tell(record), out, look)
            if isinstance(row, Row) and row.id in first:
                yield Reject(
                    item_id=row.id, step=f"source:{self.name}", reason="duplicate_row",
                    detail=f"{record.where} says the same as {first[row.id]}",
                )  # fmt: skip
                continue
            if isinstance(row, Row):
                first[row.id] = record.where
            yield row

    def _row(self, record: JsonRecord, told: Told, out: Path, look: Look) -> Row | Reject:
        check_turns(record, told.turns)
        check_tags(record, told.turns, len(told.images), len(told.videos))
        ids = []
        for file in (*told.images, *told.videos):
            key, problem = look(file, file in told.videos)
            if problem:
                return self.reject(file, problem, record.where)
            ids.append(key)
        messages = [Message(role=role, content=content) for role, content in told.turns]
        said = [message.model_dump(exclude_none=True) for message in messages]
        row_id = hash_of(json.dumps([ids, self.name, told.task, said]).encode())
        shown = told.subject or (ids[0] if ids else None)
        provenance = self.provenance(f"{self.name}-{shown}" if shown else f"row:{row_id}")
        return Row(
            id=row_id,
            sample_ids=list(dict.fromkeys(ids)),
            images=[relative(file, out) for file in told.images],
            videos=[relative(file, out) for file in told.videos],
            messages=messages,
            task=told.task,
            truth=told.truth,
            # Nobody said what the faces show, which is not that there are none.
            facts=list(told.facts) or [FaceLabels()] * max(1, len(ids)),
            weak=told.weak,
            provenance=provenance,
            split=told.split or split_of(provenance.subject_id),
            making=Making(writer="imported", teacher=told.teacher),
        )


def unique_ids(records: Iterator[JsonRecord], key: str | None) -> Iterator[JsonRecord]:
    """Pass the records of one file on, each id once; a record without an id is not looked at.

    Raises:
        FaceLLMError: an id that was there before; both places are named.
    """
    once = Once()
    for record in records:
        value = record.values.get(key) if key else None
        if value is not None:
            once.see(str(value), record.where)
        yield record


def files_of(record: JsonRecord, folder: Path, *keys: str) -> list[Path]:
    """The files named under the first of the keys that has any.

    Raises:
        FaceLLMError: an address or embedded data instead of a path.
    """
    names = record.texts(*keys)
    for name in names:
        if "://" in name or name.startswith("data:"):
            raise record.error(
                f"{given(name)} is no path; download the file and name it relative to {folder}"
            )
    return [folder / name for name in names]


def _look(file: Path, video: bool) -> tuple[str, str | None]:
    """The id of a picture or video, and why it cannot be used; None where it can."""
    if video:
        problem = video_problem(file)
        return ("", problem) if problem else (content_id(file), None)
    try:
        data = file.read_bytes()
        picture_size(data)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return "", why_unreadable(error)
    return hash_of(data), None
