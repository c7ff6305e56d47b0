"""The pictures and videos of rows, checked before a row may leave: unreadable ones surface here."""

import io
import os
from functools import lru_cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from data_engine.row import Row
from data_engine.step import MISSING, UNREADABLE
from facellm.core.sample import Record

TAGS = {"image": "<image>", "video": "<video>"}
"""What stands for a part where a conversation is plain text, as in ShareGPT files."""
_KEPT = 16
"""Pictures kept in memory: the rows of one picture follow each other."""


class Failure(Record):
    """A row that could not be exported, with the reason; the export goes on without it."""

    row_id: str
    reason: str
    """`missing_file`, `unreadable_file`, `parts_mismatch`, `no_text`, `tag_in_text`, or
    `not_scorable` for a row without a gold answer in the rl form."""
    detail: str = ""


class BadRow(Exception):
    """Why a row cannot be exported; caught for each row."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def failure(self, row: Row) -> Failure:
        """The entry of the failure list."""
        return Failure(row_id=row.id, reason=self.reason, detail=self.detail)


def shows_nobody(row: Row) -> bool:
    """Whether the pictures are rendered, which their source states in the consent note."""
    return row.provenance.consent.startswith("rendered")


class Media:
    """The pictures and videos below a corpus folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._load = lru_cache(maxsize=_KEPT)(_read_checked)
        self._place = lru_cache(maxsize=_KEPT)(_relative)

    def picture(self, name: str) -> bytes:
        """The file's bytes, which decode to the end.

        Raises:
            BadRow: the file is missing, cut off, no picture, or absurdly large.
        """
        return self._load(self.folder / name, name)

    def video(self, name: str) -> Path:
        """The file, which exists; it is not decoded.

        Raises:
            BadRow: the file is missing.
        """
        path = self.folder / name
        if not path.is_file():
            raise BadRow(MISSING, name)
        return path

    def place(self, name: str, seen_from: Path) -> str:
        """The path of a file as seen from another folder, with forward slashes."""
        return self._place(self.folder / name, seen_from)


def _relative(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path, start)).as_posix()


def _read_checked(path: Path, name: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadRow(MISSING, name) from None
    except OSError as error:
        raise BadRow(UNREADABLE, f"{name}: {error.strerror}") from None
    try:
        with Image.open(io.BytesIO(data)) as image:
            # A JPEG is read to its end but decoded at an eighth of its size: a cut-off file
            # shows, at a fraction of the cost.
            image.draft("RGB", (1, 1))
            image.load()
    except UnidentifiedImageError:
        raise BadRow(UNREADABLE, f"{name}: no picture format") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadRow(UNREADABLE, f"{name}: {error}") from None
    return data


def check_parts(row: Row) -> None:
    """Check that placeholders and files agree, so that no trainer meets one without the other.

    Raises:
        BadRow: the numbers differ, a text part has no text, or a text holds a tag such as
            `<image>`, which trainers would count as one more picture.
    """
    counts = {"image": 0, "video": 0}
    for message in row.messages:
        for part in message.content:
            if part.type != "text":
                counts[part.type] += 1
            elif not part.text:
                raise BadRow("no_text", f"a {message.role} part of type text holds no text")
            elif any(tag in part.text for tag in TAGS.values()):
                raise BadRow("tag_in_text", f"a {message.role} text holds a media tag")
    for kind, files in (("image", row.images), ("video", row.videos)):
        if counts[kind] != len(files):
            raise BadRow("parts_mismatch", f"{counts[kind]} {kind} parts, {len(files)} {kind}s")
