"""Colours, fonts and the few shapes everything is drawn with."""

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

SMOOTH = 3
"""Shapes are drawn this much larger and scaled down: Pillow's own have hard edges."""

INK: Colour = (31, 35, 41)
GREY: Colour = (118, 125, 135)
TRACK: Colour = (232, 234, 238)
PAPER: Colour = (250, 250, 248)
CARD: Colour = (255, 255, 255)
EDGE: Colour = (222, 224, 228)
BAR: Colour = (64, 110, 180)

FACE_COLOURS: tuple[Colour, ...] = (
    (0, 158, 115), (230, 126, 0), (38, 128, 210), (204, 86, 155),
    (120, 94, 200), (190, 155, 0), (200, 60, 50), (0, 150, 170),
)  # fmt: skip
"""One a face, repeated; told apart by people with the common colour vision deficiencies."""


def face_colour(index: int) -> Colour:
    """The colour of a face numbered from 1."""
    return FACE_COLOURS[(index - 1) % len(FACE_COLOURS)]


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font: no font file of the system is needed."""
    loaded = ImageFont.load_default(size)
    assert isinstance(loaded, ImageFont.FreeTypeFont)
    return loaded


class Pen:
    """Draws on one picture; every method returns where the next thing can go."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self.draw = ImageDraw.Draw(image)

    def text(
        self, xy: tuple[float, float], text: str, size: int = 15, colour: Colour = INK,
        anchor: str = "la", bold: bool = False,
    ) -> float:  # fmt: skip
        """Write one line; returns its width."""
        stroke = max(0.3, size / 45) if bold else 0
        self.draw.text(xy, text, fill=colour, font=font(size), anchor=anchor, stroke_width=stroke)
        return width_of(text, size)

    def bar(
        self, box: tuple[float, float, float, float], share: float, colour: Colour = BAR
    ) -> None:
        """A horizontal bar, filled from the left by `share` in [0, 1], on a pale track."""
        x0, y0, x1, y1 = (round(v) for v in box)
        width, height = SMOOTH * (x1 - x0), SMOOTH * (y1 - y0)
        large = Image.new("RGB", (width, height), CARD)
        draw = ImageDraw.Draw(large)
        draw.rounded_rectangle((0, 0, width - 1, height - 1), height / 2, fill=TRACK)
        end = width * min(1.0, max(0.0, share))
        if end > SMOOTH:
            # A rounded end needs its own height as width; shorter bars become a dot.
            filled = (0, 0, max(end, height) - 1, height - 1)
            draw.rounded_rectangle(filled, height / 2, fill=colour)
        self.image.paste(large.resize((x1 - x0, y1 - y0), Image.Resampling.BOX), (x0, y0))


def width_of(text: str, size: int) -> float:
    """Width of a line in pixels."""
    return font(size).getlength(text)


def wrap(text: str, size: int, width: float, most: int) -> list[str]:
    """Break text into at most `most` lines; a longer text ends in an ellipsis."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if width_of(longer, size) <= width or not line:
            line = longer
        else:
            lines.append(line)
            line = word
    lines.append(line)
    lines = [shorten(one, size, width) for one in lines]
    if len(lines) <= most:
        return lines
    kept = lines[:most]
    kept[-1] = shorten(kept[-1] + " " + "m" * 200, size, width)
    return kept


def shorten(text: str, size: int, width: float) -> str:
    """Cut one line to a width."""
    if width_of(text, size) <= width:
        return text
    while text and width_of(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"
