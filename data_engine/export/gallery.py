"""One picture of a few rows that a person can check by eye: the face, what was asked and answered.

Photographs show people. They stay out unless asked for; rendered faces show nobody.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from data_engine.diversity import SeededSample
from data_engine.export.film import film
from data_engine.export.paper import EDGE, GREY, INK, PAPER, WHITE, font, side_by_side, wrapped
from data_engine.export.pictures import BadRow, Media, shows_nobody
from data_engine.row import Row
from data_engine.step import UNREADABLE
from data_engine.writers.presence import unrated
from facellm.core.facs import ACTION_UNITS
from facellm.core.sample import Box, FaceLabels

COLUMN, PAD, SIDE = 800, 14, 210
"""Width of a tile, space around everything, and side of a picture, in pixels."""
SIZE, LINE = 14, 19
MOST_LINES = 32
"""Of one text; longer ones end in an ellipsis."""
MARK = (255, 196, 0)


class Picks:
    """Chooses the rows to show: some of every writer, of different pictures where there are."""

    def __init__(self, count: int, photos: bool, seed: int = 0) -> None:
        """Choose `count` rows; photographs are shown only if `photos`."""
        self.count = count
        self.photos = photos
        self._seed = seed
        self._by_writer: dict[str, SeededSample[Row]] = {}
        self._withheld: SeededSample[Row] = SeededSample(count, seed)

    def add(self, row: Row) -> None:
        """Consider one row."""
        if not (self.photos or shows_nobody(row)):
            self._withheld.add(row.id, row)
            return
        fresh = SeededSample[Row](self.count, self._seed)
        self._by_writer.setdefault(row.making.writer, fresh).add(row.id, row)

    def rows(self) -> list[Row]:
        """At most `count` rows, writers in turn; rows of photographs only fill what is left."""
        queues = [self._by_writer[name].values() for name in sorted(self._by_writer)]
        turns = [q[n] for n in range(self.count) for q in queues if n < len(q)]
        seen: set[str] = set()
        first: list[Row] = []
        again: list[Row] = []
        for row in turns:
            (again if seen & set(row.sample_ids) else first).append(row)
            seen |= set(row.sample_ids)
        return [*first, *again, *self._withheld.values()][: self.count]


@dataclass(frozen=True)
class Tile:
    """One row and what is shown beside it."""

    row: Row
    media: Media
    boxes: Mapping[str, Sequence[Box]]
    shown: bool
    number: int

    def draw(self) -> Image.Image:
        """The tile, COLUMN pixels wide and as high as its text or pictures need."""
        thumbs = self._thumbs()
        blocks = self._blocks()
        below = sum(t.height + PAD for t in thumbs)
        text = sum(LINE * len(lines) + 6 for lines, _, _ in blocks)
        tile = Image.new("RGB", (COLUMN, max(below, text) + 2 * PAD), WHITE)
        y = PAD
        for thumb in thumbs:
            tile.paste(thumb, (PAD, y))
            y += thumb.height + PAD
        pen, y = ImageDraw.Draw(tile), PAD
        for lines, colour, bold in blocks:
            for line in lines:
                pen.text((SIDE + 2 * PAD, y), line, fill=colour, font=font(SIZE, bold))
                y += LINE
            y += 6
        pen.rectangle((0, 0, COLUMN - 1, tile.height - 1), outline=EDGE)
        return tile

    def _blocks(self) -> list[tuple[list[str], tuple[int, int, int], bool]]:
        row, room = self.row, COLUMN - SIDE - 3 * PAD
        made = f"{row.making.writer} by {row.making.teacher}"
        about = f"{self.number}.  {made} · {row.task} · {row.split} · {row.provenance.source}"
        blocks = [(wrapped(about, SIZE, room, 2), GREY, False)]
        for message in row.messages:
            text = "\n".join(part.text for part in message.content if part.text)
            asked = message.role != "assistant"
            blocks.append((wrapped(text, SIZE, room, MOST_LINES, asked), INK, asked))
        known = "  |  ".join(filter(None, map(known_of, row.facts))) or "nothing"
        blocks.append((wrapped(f"known: {known}", SIZE, room, 4), GREY, False))
        return blocks

    def _thumbs(self) -> list[Image.Image]:
        if not (self.row.images or self.row.videos):
            return [_empty("no picture")]
        if not self.shown:
            return [_empty("photograph\nnot shown" if self.row.images else "video\nnot shown")]
        matched = len(self.row.sample_ids) == len(self.row.images)
        ids = self.row.sample_ids if matched else [""] * len(self.row.images)
        films = [film(self.media.folder / name, SIDE) for name in self.row.videos]
        pictures = [self._thumb(*pair) for pair in zip(self.row.images, ids, strict=True)]
        return [*pictures, *(one or _empty(UNREADABLE) for one in films)]

    def _thumb(self, name: str, sample_id: str) -> Image.Image:
        try:
            image = Image.open(io.BytesIO(self.media.picture(name))).convert("RGB")
        except BadRow as bad:
            return _empty(bad.reason)
        scale = min(SIDE / image.width, SIDE / image.height)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        thumb = image.resize(size, Image.Resampling.LANCZOS)
        pen = ImageDraw.Draw(thumb)
        boxes = self.boxes.get(sample_id, ())
        for index, box in enumerate(boxes, 1):
            x0, y0, x1, y1 = (v * scale for v in box)
            pen.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline=(0, 0, 0), width=4)
            pen.rectangle((x0, y0, x1, y1), outline=MARK, width=2)
            if len(boxes) > 1:
                pen.text((x0 + 3, y0 + 1), str(index), fill=MARK, font=font(13, True))
        return thumb


def gallery(
    rows: Sequence[Row], media: Media, boxes: Mapping[str, Sequence[Box]], photos: bool
) -> Image.Image:
    """Draw rows in two columns.

    Args:
        rows: at least one.
        media: where their pictures are.
        boxes: sample id → boxes of its faces from the left, in pixels of the stored picture.
        photos: show pictures of people; without, their tiles say that they are not shown.
    """
    tiles = [
        Tile(row, media, boxes, photos or shows_nobody(row), number).draw()
        for number, row in enumerate(rows, 1)
    ]
    columns: tuple[list[Image.Image], list[Image.Image]] = ([], [])
    for tile in tiles:
        min(columns, key=lambda c: sum(t.height + PAD for t in c)).append(tile)
    return side_by_side(columns, COLUMN, PAD, PAPER)


def known_of(labels: FaceLabels) -> str:
    """The labels of one face in a line; a tool's estimates are marked ~."""
    found = []
    for field in ("emotion", "expression", "age", "valence", "arousal", "quality"):
        value = getattr(labels, field)
        if value is not None:
            said = f"{value:g}" if isinstance(value, float) else value
            kind = "" if field == "emotion" else f"{field} "
            found.append(f"{'~' if field in labels.weak else ''}{kind}{said}")
    acting = {n: v for n, v in (labels.action_units or {}).items() if v >= 0.5}
    mark = "~" if "action_units" in labels.weak else ""
    alone = unrated(labels)
    for n, value in sorted(acting.items(), key=lambda unit: -unit[1]):
        found.append(f"{mark}{_unit(n)} {'present' if n in alone else f'{value:.1f}'}")
    if labels.action_units is not None and not acting:
        found.append(f"{mark}no action unit")
    return ", ".join(found)


def _unit(number: int) -> str:
    known = ACTION_UNITS.get(number)
    return f"AU{number} ({known.name})" if known else f"AU{number}"


def _empty(text: str) -> Image.Image:
    tile = Image.new("RGB", (SIDE, SIDE), EDGE)
    ImageDraw.Draw(tile).text(
        (SIDE / 2, SIDE / 2), text, fill=GREY, font=font(SIZE), anchor="mm", align="center"
    )
    return tile
