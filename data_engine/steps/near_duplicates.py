"""Take out pictures that occur twice: the same file, or the same picture saved anew.

    whole picture or main face, upright ── phash, 64 bits ── index: candidates within COARSE
                                        └─ phash, 256 bits ── duplicate within `distance`

Upright faces are alike in what 64 bits hold: among 2,671 press photographs, pairs 4 to 10 bits
apart are mostly different people. So 64 bits only propose and 256 decide. Looked at by eye, no two
pictures within 44 bits were different ones: all 48 pairs among 3,589 FER2013 faces, and the one
pair among the photographs, of which the next is at 50 (one person, another moment) and the first of
two people at 56. Of 120 photographs compressed anew, halved or brightened, 98 % and more are found.
Missed: mirrored copies, about a third of FER2013's copies that were cut anew (45 to 68 bits), and
nearly all copies with another frame where the face fills the picture.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from PIL import Image
from pydantic import Field

from data_engine.step import Item, Reject, Step
from data_engine.steps.again import twice
from data_engine.steps.pictures import largest, read_picture, reject, square_around
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Sample
from facellm.faces.crop import pixels

MARGIN = 1.3
"""Width of the hashed square in units of the face's points: some hair, little background."""
BANDS, BAND_BITS = 4, 16
RADIUS = 1
COARSE = BANDS * (RADIUS + 1) - 1
"""Bits of 64 two pictures may differ in and still be compared further: of four bands, one at least
then differs in no more than `RADIUS` bits."""
ORDER = ("test", "val", "train")
"""Of two copies the one in the earlier split stays: what is tested on is never trained on."""
INSTALL = "near_duplicates needs a package: pip install 'facellm[data]'"


class Prints(NamedTuple):
    """Perceptual hashes of one picture."""

    coarse: int
    """64 bits."""
    fine: int
    """256 bits."""


class _Entry(NamedTuple):
    place: int
    id: str
    subject: str
    pair: str | None
    prints: Prints | None


class NearDuplicates(Step):
    """Keep one of each picture: from the earliest of test, val, train, there the first in order.

    Passes over the items twice and holds hashes, id and subject an item (about half a kilobyte).
    Clips and rows are compared by id alone. What is kept keeps its own labels, also where its
    copy was labelled otherwise. Rejects: `missing_file`, `unreadable_file`, `exact_duplicate:ID`,
    `near_duplicate:ID`, ID being what was kept; the detail says how far apart and whether the
    subject is the same: the same picture under two names is a mistake of its source.
    """

    name: ClassVar[str] = "near_duplicates"
    whole: ClassVar[bool] = True

    distance: int = Field(default=44, ge=0, le=80)
    """Bits of 256 in which near duplicates may differ."""
    same_subject: bool = True
    """Whether pictures of one subject are compared. Say false for frames of one clip, which are
    meant to be alike. Pictures of one `pair` never are."""

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        with twice(items) as again:
            out = self._find(again, folder)
            for place, item in enumerate(again):
                if place in out:
                    reason, detail = out[place]
                    yield reject(item, self.name, reason, detail)
                else:
                    yield item

    def _find(self, items: Iterable[Item], folder: Path) -> dict[int, tuple[str, str]]:
        """Position of what has to go → reason and detail."""
        out: dict[int, tuple[str, str]] = {}
        entries: dict[str, list[_Entry]] = {split: [] for split in ORDER}
        for place, item in enumerate(items):
            prints = None
            if isinstance(item, Sample):
                image = read_picture(item, folder, self.name)
                if isinstance(image, Reject):
                    out[place] = image.reason, image.detail
                    continue
                prints = prints_of(image, item)
            pair = getattr(item, "pair", None)
            entry = _Entry(place, item.id, item.provenance.subject_id, pair, prints)
            entries[item.split].append(entry)
        kept: dict[str, _Entry] = {}
        index = HashIndex()
        for entry in (entry for split in ORDER for entry in entries[split]):
            found = self._copy_of(entry, kept, index)
            if found:
                out[entry.place] = found
                continue
            kept[entry.id] = entry
            if entry.prints:
                index.add(entry.prints.coarse, entry.id)
        return out

    def _copy_of(
        self, entry: _Entry, kept: dict[str, _Entry], index: "HashIndex"
    ) -> tuple[str, str] | None:
        """Reason and detail where a kept item is the same picture."""
        if entry.id in kept:
            return f"exact_duplicate:{entry.id}", _whose(entry, kept[entry.id])
        if entry.prints is None:
            return None
        nearest: tuple[int, int] | None = None
        for key in index.near(entry.prints.coarse):
            other = kept[key]
            if other.prints is None or self._meant_alike(entry, other):
                continue
            apart = (other.prints.fine ^ entry.prints.fine).bit_count()
            if apart <= self.distance and (nearest is None or (apart, other.place) < nearest[:2]):
                nearest, match = (apart, other.place), other
        if nearest is None:
            return None
        return f"near_duplicate:{match.id}", f"{nearest[0]} of 256 bits, {_whose(entry, match)}"

    def _meant_alike(self, entry: _Entry, other: _Entry) -> bool:
        if entry.pair is not None and entry.pair == other.pair:
            return True
        return not self.same_subject and other.subject == entry.subject


def _whose(entry: _Entry, kept: _Entry) -> str:
    return "same subject" if entry.subject == kept.subject else "another subject"


class HashIndex:
    """64-bit hashes to be found again within `COARSE` bits, without comparing all with all.

    Multi-index hashing (Norouzi, Punjani & Fleet, 2012): a hash is filed under each of its four
    16-bit bands; a query looks up every value within `RADIUS` bits of its own bands.
    """

    _masks = tuple(
        sum(1 << bit for bit in bits)
        for count in range(RADIUS + 1)
        for bits in combinations(range(BAND_BITS), count)
    )

    def __init__(self) -> None:
        self._bands: list[dict[int, list[int]]] = [{} for _ in range(BANDS)]
        self._hashes: list[int] = []
        self._keys: list[str] = []

    def add(self, value: int, key: str) -> None:
        """File a hash under a key."""
        for band, filed in zip(_bands(value), self._bands, strict=True):
            filed.setdefault(band, []).append(len(self._keys))
        self._hashes.append(value)
        self._keys.append(key)

    def near(self, value: int) -> Iterator[str]:
        """The keys whose hashes differ in at most `COARSE` bits, each once, in order of filing."""
        rows: set[int] = set()
        for band, filed in zip(_bands(value), self._bands, strict=True):
            for mask in self._masks:
                rows.update(filed.get(band ^ mask, ()))
        for row in sorted(rows):
            if (self._hashes[row] ^ value).bit_count() <= COARSE:
                yield self._keys[row]


def _bands(value: int) -> list[int]:
    return [value >> (BAND_BITS * n) & (1 << BAND_BITS) - 1 for n in range(BANDS)]


def prints_of(image: Image.Image, sample: Sample) -> Prints:
    """Hashes of the largest face that has points, made upright; else of the whole picture.

    Raises:
        FaceLLMError: the imagehash package is missing.
    """
    try:
        import imagehash
    except ImportError:
        raise FaceLLMError(INSTALL) from None
    face = largest([face for face in sample.faces if face.points])
    if face is not None:
        image = Image.fromarray(square_around(face, MARGIN).cut(pixels(image), 128))
    sizes = (imagehash.phash(image, hash_size=8), imagehash.phash(image, hash_size=16))
    coarse, fine = (int.from_bytes(np.packbits(h.hash).tobytes(), "big") for h in sizes)
    return Prints(coarse, fine)
