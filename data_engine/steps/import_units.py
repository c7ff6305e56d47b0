"""Take action units from a table that OpenFace 2 or py-feat wrote about the same pictures.

    openface  one csv a picture or clip, named as it: AU12_r 0-5, confidence, success, timestamp
    pyfeat    one csv (Fex): input, AU12 probability 0-1, FaceScore, FaceRectX…, frame

A py-feat probability says how sure the tool is that a unit is there, not how strong it is. It is
stored as an intensity with 0.5 at the presence threshold: below and above it goes straight to 0 and
to 5. OpenFace's AU28_c has no intensity and is left out.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from data_engine.step import Item, Reject, Step
from data_engine.steps.pictures import pair_up, reject
from data_engine.steps.tool_tables import Seen, Table, read_tables
from data_engine.steps.weak_units import with_weak_units
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, Face, Frame, Sample
from facellm.faces.crop import SAME_FACE


class ImportUnits(Step):
    """Label the faces of samples and of clips' frames with a tool's units, marked weak.

    Units a face has already stay, and so does a face whose row is below `least_confidence` or
    failed. Rows find their face by box; without boxes, one row and one face. Rows pass as they
    are. Rejects: `no_tool_rows` (nothing about this item), `ambiguous_rows` (several inputs of this
    name, or several faces and no boxes), `no_frames` (a clip nothing has looked into); and, after
    all items, one `unmatched_rows` for each input of the table that no item bears the name of.

    Raises FaceLLMError for a missing table or column, and where no item matched at all.
    """

    name: ClassVar[str] = "import_units"
    whole: ClassVar[bool] = True
    """So that what matches nothing can be told; items are not held."""

    path: Path
    """A csv, or a folder that is searched for csv files with its subfolders."""
    tool: Literal["openface", "pyfeat"]
    least_confidence: float = Field(default=0.8, ge=0, le=1)
    """OpenFace's `confidence` or py-feat's `FaceScore` from which a row counts."""
    least_overlap: float = Field(default=SAME_FACE, gt=0, le=1)
    """IoU from which a row's box is the face's."""
    near: float = Field(default=0.05, ge=0)
    """Seconds a row may lie from a clip's frame."""
    fps: float | None = Field(default=None, gt=0)
    """Frames a second of the clips: turns py-feat's frame numbers into times."""
    unmatched: Literal["reject", "keep"] = "reject"
    """What becomes of items the table says nothing about."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        tables = read_tables(self.path, self.tool)
        used: set[str] = set()
        count = 0
        for item in items:
            if not isinstance(item, Sample | Clip):
                yield item
                continue
            count += 1
            name = item.image if isinstance(item, Sample) else item.video
            found = tables.of(name)
            used |= {table.input for table in found}
            if not found and self.unmatched == "keep":
                yield item
            elif not found:
                yield reject(item, self.name, "no_tool_rows", f"{self.path.name} has no {name}")
            elif len(found) > 1:
                inputs = ", ".join(table.input for table in found[:3])
                yield reject(item, self.name, "ambiguous_rows", f"{name} may be {inputs}")
            elif isinstance(item, Sample):
                yield self._sample(item, found[0].rows)
            else:
                yield self._clip(item, found[0])
        if count and not used:
            raise FaceLLMError(
                f"{self.path.name} names none of the {count} items; {tables.how_matched}"
            )
        for table in tables.every():
            if table.input not in used:
                yield Reject(
                    item_id=table.input, step=self.name, reason="unmatched_rows",
                    detail=f"{len(table.rows)} rows about {table.input}, which is no item",
                )  # fmt: skip

    def _sample(self, sample: Sample, rows: list[Seen]) -> Sample | Reject:
        faces = self._label(sample.faces, rows)
        if faces is None:
            detail = f"{len(rows)} rows, {len(sample.faces)} faces, no boxes to match them by"
            return reject(sample, self.name, "ambiguous_rows", detail)
        return sample.model_copy(update={"faces": faces})

    def _clip(self, clip: Clip, table: Table) -> Clip | Reject:
        if not clip.frames:
            return reject(clip, self.name, "no_frames", "put sample_frames before import_units")
        times = [row.seconds(self.fps) for row in table.rows]
        if None in times:
            raise FaceLLMError(
                f"{self.path.name} numbers frames without a time; set fps to the clips' frame rate"
            )
        frames: list[Frame] = []
        for frame in clip.frames:
            apart = [abs((time or 0.0) - frame.time) for time in times]
            closest = min(apart, default=self.near + 1)
            rows = [row for row, off in zip(table.rows, apart, strict=True) if off == closest]
            faces = self._label(frame.faces, rows) if closest <= self.near else frame.faces
            if faces is None:
                detail = f"{len(rows)} rows at {frame.time:.2f} s and no boxes to match them by"
                return reject(clip, self.name, "ambiguous_rows", detail)
            frames.append(frame.model_copy(update={"faces": faces}))
        return clip.model_copy(update={"frames": frames})

    def _label(self, faces: list[Face], rows: list[Seen]) -> list[Face] | None:
        """The faces with the units of their rows; None where it is open which row is whose."""
        boxes = [row.box for row in rows if row.box is not None]
        if len(boxes) == len(rows):
            pairs = pair_up([face.box for face in faces], boxes, self.least_overlap)
        elif len(faces) > 1 or len(rows) > 1:
            return None
        else:
            pairs = {0: 0} if faces else {}
        return [
            with_weak_units(face, self._units(rows[pairs[n]])) if n in pairs else face
            for n, face in enumerate(faces)
        ]

    def _units(self, row: Seen) -> dict[int, float] | None:
        return row.units if row.confidence >= self.least_confidence else None
