"""A folder of videos: `path/LABEL/*.mp4`, loose files, or a `labels.csv` with `path,label`.

    path,label,split,subject          split and subject may be missing
    smile_01.mp4,happiness,train,p07

Where there is a `labels.csv`, it says which videos there are; its paths are relative to the
folder, and further columns are not read. A file it does not list is an error, so that nothing is
lost by a typing mistake. Without it the folder at the top that a video lies in names its label.
"""

from collections.abc import Iterator
from pathlib import Path

from data_engine.sources.generic import Labelled, split_word
from data_engine.sources.table import Entry, check_unique, csv_entries
from data_engine.sources.video import SUFFIXES, VideoSource, videos_in
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels


class Clips(Labelled, VideoSource):
    """Clips with the label of their folder or line; unlabelled where there is none."""

    name = "clips"

    table: str = "labels.csv"
    """File that lists the videos, below `path`; where it is not there, the folders count."""
    label_column: str | None = "label"
    """Its column of label words; null where it has none that should be read."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the clips in the order of the table, or of their paths."""
        listed = self.path / self.table
        yield from self._listed(listed, out) if listed.is_file() else self._found(out)

    def _listed(self, table: Path, out: Path) -> Iterator[Item | Reject]:
        required = ["path", *([self.label_column] if self.label_column else [])]
        entries = list(check_unique(csv_entries(table, required), "path"))
        self._check_all_listed(entries, table)
        for entry in entries:
            word = entry[self.label_column] if self.label_column else ""
            yield self.clip(
                self.path / entry["path"], out, self.word_labels(word, entry.where),
                split=split_word(entry.values.get("split", ""), entry.where),
                subject=entry.values.get("subject") or None, where=entry.where,
            )  # fmt: skip

    def _found(self, out: Path) -> Iterator[Item | Reject]:
        for file in videos_in(self.path):
            yield self.clip(file, out, FaceLabels())
        for folder in sorted(f for f in self.path.iterdir() if f.is_dir()):
            labels = self.word_labels(folder.name, str(folder))
            for file in _videos_below(folder):
                yield self.clip(file, out, labels)

    def _check_all_listed(self, entries: list[Entry], table: Path) -> None:
        listed = {(self.path / entry["path"]).resolve() for entry in entries}
        for file in _videos_below(self.path):
            if file.resolve() not in listed:
                raise FaceLLMError(
                    f"{table.name} does not list {file.relative_to(self.path)}; "
                    "expected a line for every video"
                )


def _videos_below(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
