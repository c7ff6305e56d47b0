"""DISFA: 27 adults watching a film for four minutes, twelve units coded 0-5 in every frame.

    ActionUnit_Labels/SN001/SN001_au1.txt     frame,intensity     one file a unit
    Videos_LeftCamera/LeftVideoSN001_comp.avi

The set is videos of 20 frames a second: each becomes a clip with labelled frames. Who has taken the
frames out of the videos names their folder (`frames`) and gets one sample a frame. Frames count
from 1. There is no official split: persons are split by their id. The paper's three folds are the
evaluation's business.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from data_engine.sources.base import existing, first_existing
from data_engine.sources.coded import numbered_pictures, only_folder
from data_engine.sources.table import check_unique, csv_entries
from data_engine.sources.video import VideoSource
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError
from facellm.core.facs import MAX_INTENSITY, PROTOCOLS
from facellm.core.sample import Box, Clip, Face, FaceLabels, Frame

UNITS = PROTOCOLS["disfa12"].units
FRAMES_A_SECOND = 20


class Disfa(VideoSource):
    """DISFA's units, by frame. The path holds `ActionUnit_Labels`."""

    name: ClassVar[str] = "disfa"
    licence: ClassVar[str] = "DISFA: non-commercial research, by agreement"
    consent: ClassVar[str] = "participants consented to research use"

    camera: Literal["left", "right"] = "left"
    """Whose videos to read: both cameras filmed the same minutes."""
    frames: str | None = None
    """Folder below the path (or anywhere, when absolute) with a folder of numbered pictures for
    each person, which has the person's id (SN001) in its name; None reads the videos."""
    every: int = Field(default=1, ge=1)
    """Keep the labels of each n-th frame only: neighbours hardly differ."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        root = first_existing(self.path, "ActionUnit_Labels")
        people = sorted(p for p in root.iterdir() if p.is_dir())
        for person in people:
            coded = self._coded(person)
            if self.frames is None:
                yield self._clip(person.name, coded, out)
            else:
                yield from self._samples(person.name, coded, out)

    def _coded(self, person: Path) -> dict[int, dict[int, float]]:
        """Frame → unit → intensity."""
        frames: dict[int, dict[int, float]] = {}
        for unit in UNITS:
            file = existing(
                person / f"{person.name}_au{unit}.txt", "expected one file for each of 12 units"
            )
            entries = csv_entries(file, (), fields=["frame", "intensity"])
            for entry in check_unique(entries, "frame"):
                number = entry.number("frame", int, 1)
                value = entry.number("intensity", int, 0, MAX_INTENSITY)
                frames.setdefault(number, {})[unit] = float(value)
        kept = sorted(frames)[:: self.every]
        return {number: dict(sorted(frames[number].items())) for number in kept}

    def _clip(self, person: str, coded: dict[int, dict[int, float]], out: Path) -> Item | Reject:
        side = self.camera.capitalize()
        folder = first_existing(self.path, f"Videos_{side}Camera", f"Video_{side}Camera")
        found = sorted(folder.glob(f"*{person}*.avi"))
        clip = self.clip(
            found[0] if found else folder / f"{side}Video{person}_comp.avi",
            out, FaceLabels(), subject=person, where=f"ActionUnit_Labels/{person}",
        )  # fmt: skip
        if not isinstance(clip, Clip):
            return clip
        box = _whole(found[0])
        frames = [
            Frame(
                time=(number - 1) / FRAMES_A_SECOND,
                faces=[Face(box=box, labels=FaceLabels(action_units=units))],
            )
            for number, units in coded.items()
        ]
        return clip.model_copy(update={"frames": frames})

    def _samples(
        self, person: str, coded: dict[int, dict[int, float]], out: Path
    ) -> Iterator[Item | Reject]:
        assert self.frames is not None, "read decides"
        root = existing(self.path / self.frames, "expected a folder of frames")
        folder = only_folder(root, person)
        files = numbered_pictures(folder)
        if not files:
            raise FaceLLMError(f"no numbered pictures in {folder}; expected the frames of {person}")
        for number, units in coded.items():
            file = files.get(number, folder / f"{number}.jpg")
            yield self.sample(
                file,
                out,
                FaceLabels(action_units=units),
                subject=person,
                where=f"ActionUnit_Labels/{person}, frame {number}",
            )


def _whole(video: Path) -> Box:
    """The box of the whole picture."""
    import av  # the video was opened before, so the package is there

    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        return 0.0, 0.0, float(stream.width), float(stream.height)
