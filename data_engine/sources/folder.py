"""A folder of pictures: `path/LABEL/*.jpg`, or `path/SPLIT/LABEL/*.jpg`, or `path/*.jpg`.

Pictures are looked for below each label's folder however deep. A folder at the top whose name is
a split (train, val, test and the like) holds folders of labels. Files of other kinds and hidden
ones are passed over; a picture that cannot be read becomes a reject.
"""

from collections.abc import Iterator
from pathlib import Path

from data_engine.sources.base import PICTURES, pictures
from data_engine.sources.generic import SPLIT_WORDS, Labelled
from data_engine.step import Item, Reject
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split


class Folder(Labelled):
    """Pictures whose folder says what they show; loose ones are unlabelled."""

    name = "folder"

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the pictures folder by folder, each in the order of its paths."""
        yield from self._loose(self.path, None, out)
        for folder in _folders(self.path):
            split = SPLIT_WORDS.get(folder.name.lower())
            if split is None:
                yield from self._labelled(folder, None, out)
            elif self.wants(split):
                yield from self._loose(folder, split, out)
                for inner in _folders(folder):
                    yield from self._labelled(inner, split, out)

    def _labelled(self, folder: Path, split: Split | None, out: Path) -> Iterator[Item | Reject]:
        labels = self.word_labels(folder.name, str(folder))
        for file in pictures(folder):
            yield self.sample(file, out, labels, split=split)

    def _loose(self, folder: Path, split: Split | None, out: Path) -> Iterator[Item | Reject]:
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in PICTURES and not file.name.startswith("."):
                yield self.sample(file, out, FaceLabels(), split=split)


def _folders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
