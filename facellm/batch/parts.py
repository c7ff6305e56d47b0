"""What is done so far, on disk: numbered parts, each complete or not there.

A part is an Arrow file of rows that carries, as its own metadata, the place the stream goes on
from, what is known of the faces being followed, and the counts up to it. It is written beside,
synced and then renamed: a job that is killed at any moment goes on after its last part, and neither
loses a row nor writes one twice.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from facellm.batch.stream import Place
from facellm.core.errors import FaceLLMError, given
from facellm.core.fex import COLUMNS, Row
from facellm.core.sample import Record
from facellm.faces.track import Tracker

KINDS = {str: pa.string(), int: pa.int64(), float: pa.float64()}
SCHEMA = pa.schema([(name, KINDS[kind]) for name, kind in COLUMNS.items()])
KEY = b"facellm"
PACKED = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
UNPACKED = pa.ipc.IpcReadOptions(use_threads=False)
"""Hundreds of short columns a part: handing each to a thread takes longer than the work."""


class Counts(Record):
    """What has been read so far."""

    frames: int = 0
    """Pictures and frames of clips."""
    faces: int = 0
    rows: int = 0
    no_face: int = 0
    """Frames without a face."""
    errors: int = 0
    """Pictures, frames and inputs that could not be read."""
    warnings: int = 0
    """Faces of which some answer could not be read, or that were read in two ways."""


class State(Record):
    """Everything the rest of a job depends on."""

    place: Place = Field(default_factory=Place)
    clip: int | None = None
    """The item whose faces are being followed."""
    tracker: Tracker = Field(default_factory=Tracker)
    counts: Counts = Field(default_factory=Counts)
    done: bool = False
    """The stream has ended."""


def as_table(rows: Sequence[Row]) -> Any:
    """Rows as an Arrow table of `SCHEMA`."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


class Parts:
    """The parts of one job, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.state = State()
        """After the last part."""
        self._files: list[Path] = []

    def open(self) -> None:
        """Find the parts that are there; a half-written one is thrown away.

        Raises:
            FaceLLMError: one is missing in between.
        """
        self._folder.mkdir(exist_ok=True)
        for stray in self._folder.glob("*.new"):
            stray.unlink()
        self._files = sorted(self._folder.glob("[0-9]*.arrow"))
        if self._files and int(self._files[-1].stem) != len(self._files) - 1:
            raise FaceLLMError(
                f"a part is missing in {given(self._folder)}; --overwrite the output"
            )
        if self._files:
            with pa.ipc.open_file(self._files[-1]) as file:
                self.state = State.model_validate_json(file.schema.metadata[KEY])

    def add(self, rows: Sequence[Row], state: State) -> None:
        """Write the next part."""
        table = as_table(rows).replace_schema_metadata({KEY: state.model_dump_json().encode()})
        path = self._folder / f"{len(self._files):08d}.arrow"
        with (
            replacing(path) as new,
            pa.ipc.new_file(new, table.schema, options=PACKED) as file,
        ):
            file.write_table(table)
        self._files.append(path)
        self.state = state

    def rows(self) -> Iterator[Any]:
        """The rows as Arrow tables, part by part."""
        for file in self._files:
            with pa.ipc.open_file(file, options=UNPACKED) as part:
                yield part.read_all().replace_schema_metadata(None)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file that is there whole or not at all: written under another name, synced, renamed."""
    new = path.with_name(path.name + ".new")
    try:
        yield new
        with new.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
