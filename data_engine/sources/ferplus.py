"""FER+: ten votes a picture for FER2013's pictures.

    fer2013new.csv   Usage,Image name,neutral,happiness,…,contempt,unknown,NF   row by row as
    fer2013.csv      emotion,pixels,Usage

The rule here: a picture has the emotion that more than half of all its votes name. Where no class
reaches that, or "unknown" does, the emotion stays None: unlabelled, the picture is kept. Where more
than half say NF, there is no face. (FER+'s own code offers several rules; ours is stricter than its
majority, which first takes away single votes.)
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source, first_existing
from data_engine.sources.fer2013 import LICENCE, USAGES, fer_rows, unpack
from data_engine.sources.table import Entry, Once, csv_entries
from data_engine.step import Item, Reject
from facellm.core.emotions import LABEL_ORDERS
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split

EMOTION_COLUMNS = tuple(LABEL_ORDERS["ferplus"].values())
NO_FACE = "NF"
COLUMNS = ("Usage", "Image name", *EMOTION_COLUMNS, "unknown", NO_FACE)


class FerPlus(Source):
    """FER+'s labels on FER2013's pictures. The path is a folder that holds both csv files."""

    name: ClassVar[str] = "ferplus"
    licence: ClassVar[str] = f"labels MIT; {LICENCE}"
    splits: ClassVar[Mapping[str, Split]] = USAGES

    def read(self, out: Path) -> Iterator[Item | Reject]:
        file = first_existing(self.path, "fer2013new.csv")
        once = Once()
        pairs = zip_longest(csv_entries(file, COLUMNS), fer_rows(self.path))
        for number, (votes, row) in enumerate(pairs, 1):
            _check_pair(votes, row)
            split = votes.choice("Usage", USAGES)
            if votes["Image name"]:  # pictures that FER+ took out have none
                once.see(votes["Image name"], votes.where)
            labels = _labels(votes)
            if self.wants(votes["Usage"]):
                picture = unpack(row, out, number)
                yield self.sample(picture, out, labels, split=split, where=votes.where)


def _check_pair(votes: Entry | None, row: Entry | None) -> None:
    if votes is None or row is None:
        longer = votes or row
        assert longer is not None, "zip_longest ends with the longer file"
        raise longer.error("the other file ends before; expected row by row the same pictures")
    if votes["Usage"] != row["Usage"]:
        raise FaceLLMError(
            f"{votes.where}: Usage is {votes['Usage']} but {row['Usage']} at {row.where}; "
            "expected row by row the same pictures"
        )


def _labels(votes: Entry) -> FaceLabels | None:
    """What more than half of the votes say; None for no face."""
    counts = {name: votes.number(name, int, 0) for name in COLUMNS[2:]}
    total = sum(counts.values())
    winner = next((name for name, count in counts.items() if 2 * count > total), None)
    if winner == NO_FACE:
        return None
    return FaceLabels(emotion=winner if winner in EMOTION_COLUMNS else None)
