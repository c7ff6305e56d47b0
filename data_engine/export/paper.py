"""Lines of text and columns of tiles, for pictures made of both."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageFont

Colour = tuple[int, int, int]
INK: Colour = (31, 35, 41)
GREY: Colour = (105, 112, 122)
EDGE: Colour = (222, 224, 228)
PAPER: Colour = (246, 246, 243)
WHITE: Colour = (255, 255, 255)


@lru_cache(maxsize=8)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans as matplotlib brings it: it has the signs and alphabets texts may hold."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", name), size)


def wrapped(text: str, size: int, width: float, most: int, bold: bool = False) -> list[str]:
    """Break a text into at most `most` lines of `width` pixels; its own line breaks stay.

    A longer text ends in an ellipsis; a word wider than a line is broken.
    """
    measure = font(size, bold).getlength
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if measure(longer) <= width:
                line = longer
                continue
            lines += [line] if line else []
            while measure(word) > width:
                fits = max(1, int(len(word) * width / measure(word)))
                lines.append(word[:fits])
                word = word[fits:]
            line = word
        lines.append(line)
    if len(lines) > most:
        last = lines[most - 1]
        while last and measure(last + " …") > width:
            last = last[:-1]
        lines = [*lines[: most - 1], last + " …"]
    return lines


def side_by_side(
    columns: Sequence[Sequence[Image.Image]], width: int, gap: int, paper: Colour
) -> Image.Image:
    """Put tiles of one width under each other in columns side by side."""
    heights = [sum(tile.height + gap for tile in tiles) + gap for tiles in columns]
    used = [tiles for tiles in columns if tiles]
    sheet = Image.new("RGB", ((width + gap) * len(used) + gap, max(heights)), paper)
    for index, tiles in enumerate(used):
        y = gap
        for tile in tiles:
            sheet.paste(tile, (gap + index * (width + gap), y))
            y += tile.height + gap
    return sheet
