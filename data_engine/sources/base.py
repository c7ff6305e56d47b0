"""What every source shares: its options, its errors and how a picture becomes a sample.

    label file ── entries (file:line) ── check_unique ── read ──▶ Sample | Clip | Row | Reject
                                                        └ items: split known? limit, not empty?

A wrong label file is the user's to mend and stops the run with its file and line. A picture that
is missing or damaged is yielded as a `Reject`, so that one bad file does not end a long run and is
not lost from sight either. Pictures stay where they are: items hold paths relative to the corpus.
"""

import hashlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field

from data_engine.step import MISSING, UNREADABLE, Item, Reject
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Box, Face, FaceLabels, Provenance, Sample
from facellm.core.splits import Split, split_of

OUR_SPLITS: dict[str, Split] = {"train": "train", "val": "val", "test": "test"}
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
_EXIF_ORIENTATION, _FIRST_SIDEWAYS = 0x0112, 5


class Source(BaseModel, ABC):
    """A data set on disk, read in its own layout; the fields are its options in a recipe.

    A data set without boxes yields one face a picture whose box is the whole picture and whose
    points are None: a later step finds the face. A data set without persons gets the picture's id,
    prefixed by the source's name, as its subject.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: ClassVar[str]
    licence: ClassVar[str]
    consent: ClassVar[str] = "not stated"
    splits: ClassVar[Mapping[str, Split]] = OUR_SPLITS
    """The set's own names of its parts → ours. A set without parts is split by subject and takes
    our names."""

    path: Path
    """Folder or file of the data set."""
    split: str | None = None
    """Which of the set's own parts; None takes all."""
    limit: int | None = Field(default=None, ge=1)
    """At most this many items, the first ones; rejects do not count."""

    @abstractmethod
    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield everything in a stable order, without the limit; unwanted parts may be skipped.

        Args:
            out: folder of the corpus; item paths are relative to it (`relative`), and what a
                source must write (such as pictures unpacked from a csv) goes below it.
        """

    def items(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the items, at most `limit`, and the pictures that cannot be used as rejects.

        Raises:
            FaceLLMError: a wrong path, an unknown or empty split, a label file that is not as
                documented, or nothing to read at all.
        """
        self.check_path()
        if self.split is not None and self.split not in self.splits:
            raise FaceLLMError(
                f"{given(self.split)} is not a split of {self.name}; "
                f"expected one of {', '.join(self.splits)}"
            )
        count = seen = 0
        for item in self.read(out):
            if not isinstance(item, Reject):
                if self.split is not None and item.split != self.splits[self.split]:
                    continue
                count += 1
            seen += 1
            yield item
            if count == self.limit:
                return
        if not seen:
            part = f" of split {given(self.split)}" if self.split else ""
            raise FaceLLMError(f"nothing{part} in {self.path}; expected the data set {self.name}")

    def check_path(self) -> None:
        """Raise FaceLLMError where `path` cannot be what this source reads."""
        existing(self.path, f"expected the data set {self.name}")

    def wants(self, part: str) -> bool:
        """Whether the part (one of `splits`) is asked for: `read` may skip the others.

        Items of a part that is not asked for are taken out by `items` anyway, which is how sets
        without parts of their own, split by subject, need no care.
        """
        return self.split is None or self.split == part

    def provenance(self, subject: str) -> Provenance:
        """Provenance of what shows `subject`: an id with the source's prefix already on it."""
        return Provenance(
            source=self.name, licence=self.licence, subject_id=subject, consent=self.consent
        )

    def sample(
        self,
        file: Path,
        out: Path,
        labels: FaceLabels | None,
        *,
        split: Split | None = None,
        subject: str | None = None,
        box: Box | None = None,
        points: Sequence[tuple[float, float]] | None = None,
        where: str = "",
    ) -> Sample | Reject:
        """The sample of a picture of one face, or a reject where the file cannot be used.

        Args:
            file: the picture, where it lies.
            out: folder of the corpus.
            labels: what is known of the face; None: the set says that there is no face.
            split: None splits by subject.
            subject: the person's id in the set, without a prefix; None where there is none.
            box: xyxy pixels; None takes the whole picture.
            points: 68 Multi-PIE points in pixels, or None.
            where: `file:line` the picture is named at, for the reject's detail.
        """
        try:
            data = file.read_bytes()
            width, height = picture_size(data)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            return self.reject(file, why_unreadable(error), where)
        key = hash_of(data)
        person = f"{self.name}-{subject or key}"
        faces = [
            Face(
                box=box or (0.0, 0.0, float(width), float(height)),
                points=None if points is None else list(points),
                labels=known,
            )
            for known in ([] if labels is None else [labels])
        ]
        return Sample(
            id=key,
            image=relative(file, out),
            faces=faces,
            provenance=self.provenance(person),
            split=split or split_of(person),
        )

    def reject(self, file: Path, why: str, where: str = "", reason: str = "") -> Reject:
        """A file that cannot be used, named by its place in the data set.

        Args:
            file: the picture or clip.
            why: for a person.
            where: `file:line` that names the file.
            reason: for a machine; left out, it is `MISSING` or `UNREADABLE`.
        """
        reason = reason or (UNREADABLE if file.is_file() else MISSING)
        named = f", named at {where}" if where else ""
        root = self.path if self.path.is_dir() else self.path.parent
        place = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
        return Reject(
            item_id=place, step=f"source:{self.name}", reason=reason,
            detail=f"{file.name}: {why}{named}",
        )  # fmt: skip


def why_unreadable(error: Exception) -> str:
    """Why a picture is of no use, for a person and without the folders of a machine."""
    if isinstance(error, UnidentifiedImageError):
        return "no picture, or of a kind that is not read"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def existing(path: Path, expected: str) -> Path:
    """The path itself.

    Raises:
        FaceLLMError: it is not there; `expected` ends the line.
    """
    if not path.exists():
        raise FaceLLMError(f"{path} does not exist; {expected}")
    return path


def relative(file: Path, out: Path) -> str:
    """Where `file` lies as seen from the folder `out`, right also where a folder is a link."""
    return os.path.relpath(file.parent.resolve() / file.name, out.resolve())


def content_id(file: Path) -> str:
    """Content hash of a stored file: the same picture has the same id everywhere."""
    return hash_of(file.read_bytes())


def hash_of(data: bytes) -> str:
    """The id of a stored file with these bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height as the picture is shown, from its header alone.

    Raises:
        OSError: no picture, or a damaged header.
    """
    with Image.open(io.BytesIO(data)) as image:
        sideways = image.getexif().get(_EXIF_ORIENTATION, 1) >= _FIRST_SIDEWAYS
        return (image.height, image.width) if sideways else image.size


def first_existing(folder: Path, *names: str) -> Path:
    """The first of the places below `folder` that is there: sets are unpacked in several ways.

    Raises:
        FaceLLMError: none of them is there.
    """
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise FaceLLMError(f"{folder} has no {names[0]}; expected {' or '.join(names)} there")


def pictures(folder: Path) -> Iterator[Path]:
    """The image files anywhere below a folder, in the order of their paths."""
    return (
        file for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in PICTURES and not file.name.startswith(".")
    )  # fmt: skip


def write_once(file: Path, data: bytes) -> None:
    """Write a file whole or not at all; one that is there with these bytes stays as it is.

    Raises:
        FaceLLMError: another file has the name: two sources would overwrite each other's pictures.
    """
    if file.is_file():
        if file.read_bytes() != data:
            raise FaceLLMError(
                f"{file} is there and holds another picture; read two such sets into two corpora, "
                "or delete it if it is a leftover"
            )
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(file.suffix + ".part")
    part.write_bytes(data)
    part.replace(file)
