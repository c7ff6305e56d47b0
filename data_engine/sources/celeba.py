"""CelebA: celebrities with forty attributes, aligned and cropped.

    Anno/list_attr_celeba.txt      number of pictures; names of attributes; 000001.jpg -1  1 …
    Anno/identity_CelebA.txt       000001.jpg 2880
    Eval/list_eval_partition.txt   000001.jpg 0           0 train, 1 valid, 2 test
    Img/img_align_celeba/000001.jpg

All files in one folder, as some libraries unpack them, are read too. Attribute names are stored as
words: `Mouth_Slightly_Open` becomes "mouth slightly open". Male and Young are group labels for
audits, no attributes. The five landmarks are not used: they are not Multi-PIE's. The identity file
is given on request only; without it each picture is its own subject. Parts do not share persons.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from data_engine.sources.base import Source, first_existing
from data_engine.sources.table import Entry, check_unique, text_entries
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels
from facellm.core.splits import Split

PARTS = {"0": "train", "1": "valid", "2": "test"}
VALUES = {"-1": False, "1": True}
GROUPS = {
    "Male": ("gender", {True: "male", False: "female"}),
    "Young": ("age", {True: "young", False: "not young"}),
}
JUDGEMENT = "Attractive"


class CelebA(Source):
    """CelebA's aligned pictures. The path holds `Anno`, `Eval` and `Img`, or all their files."""

    name: ClassVar[str] = "celeba"
    licence: ClassVar[str] = "CelebA: non-commercial research"
    splits: ClassVar[Mapping[str, Split]] = {"train": "train", "valid": "val", "test": "test"}

    judgements: bool = False
    """Keep "attractive" too. It is an opinion and nothing visible; only the published mean over
    forty attributes needs it."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        file = self._find("Anno", "list_attr_celeba.txt")
        images = first_existing(self.path, "Img/img_align_celeba", "img_align_celeba")
        parts = _column(self._find("Eval", "list_eval_partition.txt"), "part")
        people = self._people()
        entries = text_entries(file, ["picture", *_names(file)], skip=2)
        for entry in check_unique(entries, "picture"):
            name = entry["picture"]
            labels = self._labels(entry)
            part = _of(parts, entry, "list_eval_partition.txt").choice("part", PARTS)
            if self.wants(part):
                person = _of(people, entry, "identity_CelebA.txt")["person"] if people else None
                yield self.sample(
                    images / name,
                    out,
                    labels,
                    split=self.splits[part],
                    subject=person,
                    where=entry.where,
                )

    def _find(self, folder: str, name: str) -> Path:
        return first_existing(self.path, f"{folder}/{name}", name)

    def _people(self) -> dict[str, Entry]:
        try:
            file = self._find("Anno", "identity_CelebA.txt")
        except FaceLLMError:
            return {}
        return _column(file, "person")

    def _labels(self, entry: Entry) -> FaceLabels:
        attributes: dict[str, bool] = {}
        groups: dict[str, str] = {}
        for name in entry.values:
            if name == "picture":
                continue
            value = entry.choice(name, VALUES)
            if name in GROUPS:
                group, words = GROUPS[name]
                groups[group] = words[value]
            elif name != JUDGEMENT or self.judgements:
                attributes[name.replace("_", " ").lower()] = value
        return FaceLabels(attributes=attributes, groups=groups or None)


def _names(file: Path) -> list[str]:
    """The attributes' names: the second line."""
    with file.open(encoding="utf-8") as lines:
        next(lines, "")
        names = next(lines, "").split()
    if not names or any(name in VALUES for name in names):
        raise FaceLLMError(f"{file.name}:2: expected the names of the attributes")
    return names


def _column(file: Path, name: str) -> dict[str, Entry]:
    """Picture → its line in a file of two columns."""
    entries = check_unique(text_entries(file, ["picture", name]), "picture")
    return {entry["picture"]: entry for entry in entries}


def _of(table: dict[str, Entry], entry: Entry, file: str) -> Entry:
    try:
        return table[entry["picture"]]
    except KeyError:
        raise entry.error(f"{entry['picture']} is not in {file}; expected a line there") from None
