"""DFEW (Jiang et al., ACM MM 2020): clips of films with one of seven emotions.

    path/EmoLabel_DataSplit/{train,test}(single-labeled)/set_{1..5}.csv     video_name,label
    path/Clip/original/00001.mp4

Labels are 1-7 in the set's own order. There are no persons, so each clip is its own subject, and
the same actor may be on both sides of the official folds. The name of the folder of whole clips
differs between copies of the set (part 1 has `original`, part 2 crops as avi and as frames):
`clips` names yours. Folders of frames are not read. Checked against code that uses the set, not
against the set itself.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from data_engine.sources.base import existing
from data_engine.sources.table import Entry, check_unique, csv_entries
from data_engine.sources.video import VideoSource, find_video
from data_engine.step import Item, Reject
from facellm.core.emotions import LABEL_ORDERS
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split

LABELS = {str(number): name for number, name in LABEL_ORDERS["dfew"].items()}


class Dfew(VideoSource):
    """Clips with an emotion, of one of the five folds."""

    name = "dfew"
    licence = "DFEW terms: non-commercial research"
    splits: ClassVar[dict[str, Split]] = {"train": "train", "test": "test"}

    fold: int = Field(default=1, ge=1, le=5)
    """Which of the five official folds; in each every clip is in train or in test."""
    clips: Path = Path("Clip/original")
    """Folder of the videos below `path`."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the clips of the fold's lists, train before test."""
        existing(self.path / self.clips, "expected the clips; `clips` names another folder")
        for entry in check_unique(self._entries(), lambda e: int(e["video_name"])):
            labels = FaceLabels(emotion=entry.choice("label", LABELS))
            yield self.clip(
                find_video(self.path / self.clips, f"{int(entry['video_name']):05d}"), out, labels,
                split=self.splits[entry.file.parent.name.removesuffix("(single-labeled)")],
                where=entry.where,
            )  # fmt: skip

    def _entries(self) -> Iterator[Entry]:
        for split in filter(self.wants, self.splits):
            file = Path("EmoLabel_DataSplit", f"{split}(single-labeled)", f"set_{self.fold}.csv")
            for entry in csv_entries(self.path / file, ("video_name", "label")):
                entry.number("video_name", int, low=0)
                yield entry
