"""The record every stage takes and yields: a picture, the faces in it, what is known of each."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from facellm.core.errors import FaceLLMError
from facellm.core.splits import Split

Box = tuple[float, float, float, float]
Point = tuple[float, float]
CLIPS = "clips.jsonl"
"""File of a corpus's clips."""


_new = object.__new__
# The slots of a model, set at half the time that `object.__setattr__` takes to find them.
_set_values, _set_given, _set_extra, _set_private = (
    BaseModel.__dict__[slot].__set__
    for slot in (
        "__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"
    )
)  # fmt: skip


class Record(BaseModel):
    """Base of the records: strict about keys, immutable, help stands under each field."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @classmethod
    def trusted(cls, **values: Any) -> Self:
        """A record of values that are valid, unchecked: a tenth of the time of `cls(**values)`.

        For code that makes many records of values it has just made or taken from other records.

        Args:
            values: every field, those at their defaults too, in the order of the class.
        """
        record = _new(cls)
        # As `BaseModel.model_construct` does it, without looking for aliases and defaults.
        _set_values(record, values)
        _set_given(record, _all_fields(cls))
        _set_extra(record, None)
        _set_private(record, None)
        return record


@cache
def _all_fields(cls: type[Record]) -> set[str]:
    """The names of a class's fields; one set for all its records, which nobody may change."""
    return set(cls.model_fields)


def _empty(values: frozenset[Any]) -> bool:
    return not values


def _unknown(value: object) -> bool:
    return value is None


class Event(Record):
    """One unit acting once in a clip."""

    action_unit: int
    onset: float | None = Field(ge=0)
    """Seconds at which it leaves rest; None where it acts from the first frame on."""
    apex: float = Field(ge=0)
    """Seconds at which it is first strongest."""
    offset: float | None = Field(ge=0)
    """Seconds at which it is back at rest; None where it acts until the last frame."""
    intensity: float = Field(gt=0, le=5)
    """Whole steps, at the apex."""


class FaceLabels(Record):
    """What is known of a face; None means unlabelled, never absent."""

    emotion: str | None = None
    """Canonical emotion noun."""
    action_units: dict[int, float] | None = None
    """AU number → intensity 0-5; a unit that is not a key is unlabelled, 0.0 means absent."""
    presence_only: frozenset[int] = Field(default=frozenset(), exclude_if=_empty)
    """Units coded as present or absent alone; their intensity above stands for "present"."""
    pose: tuple[float, float, float] | None = None
    """Pitch, yaw, roll in radians; + is up, to the subject's right, to the subject's right."""
    gaze: tuple[float, float] | None = None
    """Pitch, yaw of the line of sight as the camera sees it, radians, signs as for the pose; (0, 0)
    looks along the optical axis."""
    age: float | None = None
    """Years."""
    valence: float | None = Field(default=None, ge=-1, le=1)
    arousal: float | None = Field(default=None, ge=-1, le=1)
    expression: str | None = None
    """The source's own finer class where it has one, such as "happily surprised"."""
    attributes: dict[str, bool] | None = None
    """What is visible, such as "eyeglasses"; a name that is not a key is unlabelled."""
    quality: float | None = Field(default=None, ge=0, le=1)
    """Of the picture of the face, 1 is best."""
    events: tuple[Event, ...] | None = Field(default=None, exclude_if=_unknown)
    """What the face does over a clip, in order of onset; None for a single picture."""
    authentic: bool | None = None
    """Whether the face is as the camera saw it; False: generated or manipulated."""
    manipulation: str | None = None
    """How, where it is not authentic."""
    groups: dict[str, str] | None = None
    """Group labels as the source states them; for audits, never a training target."""
    weak: frozenset[str] = Field(default=frozenset(), exclude_if=_empty)
    """Names of the fields above that a tool estimated instead of a person or the renderer."""

    @field_serializer("weak", "presence_only", when_used="json")
    def _sorted(self, values: frozenset[Any]) -> list[Any]:
        # The order of a set differs from process to process; files must not.
        return sorted(values)


class Face(Record):
    """One face in a picture."""

    box: Box
    """x0, y0, x1, y1 in pixels of the stored image."""
    points: list[Point] | None = None
    """68 Multi-PIE points, x, y in pixels of the stored image."""
    visible: list[bool] | None = None
    """Whether each point is seen by the camera; None means unknown."""
    confidence: float = 1.0
    """The finder's confidence in [0, 1]; 1 for faces that were given."""
    labels: FaceLabels = Field(default_factory=FaceLabels)


class Provenance(Record):
    """Where a sample comes from and under which terms."""

    source: str
    licence: str
    subject_id: str
    """Whom splits, folds and confidence intervals keep together."""
    consent: str = "not stated"


class Sample(Record):
    """One picture with its faces."""

    id: str
    """Content hash of the stored image: the same picture has the same id everywhere."""
    image: str
    """Path relative to the folder of the sample file."""
    faces: list[Face]
    provenance: Provenance
    split: Split = "train"
    pair: str | None = None
    """Names the set of pictures that differ from each other in one thing alone."""


class Frame(Record):
    """One moment of a clip."""

    time: float = Field(ge=0)
    """Seconds from the clip's start."""
    faces: list[Face]


class Clip(Record):
    """One video with what is known of it as a whole and of some of its frames."""

    id: str
    """Content hash of the stored file."""
    video: str
    """Path relative to the folder of the file that holds this record."""
    labels: FaceLabels = Field(default_factory=FaceLabels)
    """Of the clip's main face over the whole clip."""
    frames: list[Frame] = Field(default_factory=list)
    """In order of time; empty where nothing has looked at the frames yet."""
    provenance: Provenance
    split: Split = "train"


def write_samples(path: Path, samples: Iterable[Sample]) -> int:
    """Write one sample a line, atomically; returns how many."""
    part = path.with_suffix(path.suffix + ".part")
    count = 0
    with part.open("w", encoding="utf-8") as out:
        for sample in samples:
            out.write(sample.model_dump_json(exclude_defaults=True) + "\n")
            count += 1
    part.replace(path)
    return count


def read_samples(folder: Path) -> Iterator[Sample]:
    """Yield the samples of `folder/samples.jsonl`.

    Raises:
        FaceLLMError: a missing file, or a line that is no sample, named by its number.
    """
    path = folder / "samples.jsonl"
    if not path.is_file():
        raise FaceLLMError(f"no samples.jsonl in {folder}; expected a corpus made by data_engine")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield Sample.model_validate(json.loads(line))
            except ValueError as error:
                reason = str(error).splitlines()[0]
                raise FaceLLMError(f"{path}:{number} is not a sample: {reason}") from error


def read_clips(folder: Path) -> Iterator[Clip]:
    """Yield the clips of `folder/clips.jsonl`.

    Raises:
        FaceLLMError: a missing file, or a line that is no clip, named by its number.
    """
    path = folder / CLIPS
    if not path.is_file():
        raise FaceLLMError(f"no {CLIPS} in {folder}; expected a corpus made by data_engine")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield Clip.model_validate_json(line)
            except ValueError as error:
                reason = str(error).splitlines()[0]
                raise FaceLLMError(f"{path}:{number} is not a clip: {reason}") from error
