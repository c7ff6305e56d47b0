"""The structured answer about a clip: a report a frame, faces that keep their number, events."""

from typing import TYPE_CHECKING

from pydantic import Field

from facellm.core.report import FaceReport
from facellm.core.sample import Event, Record

if TYPE_CHECKING:
    import pandas as pd


class FrameReport(Record):
    """One frame that was read."""

    number: int = Field(ge=0)
    """Count of the clip's frames before it."""
    time: float = Field(ge=0)
    """Seconds from the clip's start."""
    report: FaceReport
    """Its faces have a `track`."""


class ClipEvent(Record):
    """One action unit of one face acting once."""

    track: int = Field(ge=1)
    event: Event
    text: str
    """Such as `0.8–1.6 s: smile onset (AU12, marked), apex at 1.6 s`."""


class ClipReport(Record):
    """Everything read from one clip."""

    frames: list[FrameReport]
    """In order of time."""
    events: list[ClipEvent]
    """Of all faces, in order of onset."""
    main: int | None
    """Track of the main face, the one with the largest area over all frames; None: no face."""
    problem: str | None = None
    """Why the clip could not be read to its end."""

    @property
    def text(self) -> str:
        """The main face's events, one line each."""
        if self.main is None:
            return "No face was found in this clip."
        lines = [event.text for event in self.events if event.track == self.main]
        return "\n".join(lines) or "No unit of the face rises clearly in this clip."

    def to_fex(self, source: str = "") -> "pd.DataFrame":
        """One row a face a frame, see `FaceReport.to_fex`."""
        from facellm.core.fex import rows_of, table

        rows = [rows_of(one.report, source, one.number, one.time) for one in self.frames]
        return table([row for frame in rows for row in frame])
