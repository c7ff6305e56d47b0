"""FairFace: faces balanced over seven groups, with gender and an age band.

    fairface_label_train.csv       file,age,gender,race,service_test      train/1.jpg,50-59,Male,…
    fairface_label_val.csv
    fairface-img-margin025-trainval/train/1.jpg

Age is a band, so it is a group label (`groups["age"]`) like the others, and no age in years. There
is no public test part; `val` stays `val`. No subject ids exist.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source, first_existing
from data_engine.sources.table import check_unique, csv_entries
from data_engine.step import Item, Reject
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split

WORDS: dict[str, tuple[str, ...]] = {
    "age": (
        "0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70",
    ),
    "gender": ("Male", "Female"),
    "race": (
        "White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian",
        "Middle Eastern",
    ),
}  # fmt: skip


class FairFace(Source):
    """FairFace. The path holds the two csv files."""

    name: ClassVar[str] = "fairface"
    licence: ClassVar[str] = "CC BY 4.0; photographs: YFCC-100M, their own licences"
    splits: ClassVar[Mapping[str, Split]] = {"train": "train", "val": "val"}

    images: str | None = None
    """Folder below the path that holds `train` and `val`; None looks for the official ones, the
    tight crop (margin025) first."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        images = self._images()
        for part, split in self.splits.items():
            if not self.wants(part):
                continue
            file = first_existing(self.path, f"fairface_label_{part}.csv")
            for entry in check_unique(csv_entries(file, ("file", *WORDS)), "file"):
                groups = {name: entry.choice(name, {w: w for w in WORDS[name]}) for name in WORDS}
                yield self.sample(
                    images / entry["file"],
                    out,
                    FaceLabels(groups=groups),
                    split=split,
                    where=entry.where,
                )

    def _images(self) -> Path:
        if self.images is not None:
            return first_existing(self.path, self.images)
        for margin in ("025", "125"):
            folder = self.path / f"fairface-img-margin{margin}-trainval"
            if folder.is_dir():
                return folder
        return self.path
