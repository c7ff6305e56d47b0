"""A clip as a few of its moments in one picture, each with its time."""

from pathlib import Path

from PIL import Image, ImageDraw

from data_engine.export.paper import EDGE, WHITE, font
from facellm.core.errors import FaceLLMError
from facellm.faces.video import frames

MOMENTS, ACROSS, GAP = 6, 2, 4
_OFTEN = 0.1
"""Seconds between the frames that are looked at."""


def film(path: Path, side: int) -> Image.Image | None:
    """Moments of a clip at even distances, two in a row; None where it shows no frame.

    Args:
        path: a video file; of one that breaks off, what comes before is shown.
        side: width of the picture in pixels.
    """
    width = (side - GAP * (ACROSS - 1)) // ACROSS
    seen: list[tuple[float, Image.Image]] = []
    try:
        for moment in frames(path, every=_OFTEN):
            image = Image.fromarray(moment.image)
            image.thumbnail((width, 2 * width))
            seen.append((moment.time, image))
    except FaceLLMError:
        if not seen:
            return None
    count = min(MOMENTS, len(seen))
    chosen = [seen[round(n * (len(seen) - 1) / max(1, count - 1))] for n in range(count)]
    high = max(image.height for _, image in chosen)
    rows = -(-count // ACROSS)
    sheet = Image.new("RGB", (side, rows * (high + GAP) - GAP), EDGE)
    pen = ImageDraw.Draw(sheet)
    for n, (time, image) in enumerate(chosen):
        x, y = n % ACROSS * (width + GAP), n // ACROSS * (high + GAP)
        sheet.paste(image, (x, y))
        # White on black is read on any frame.
        pen.text((x + 4, y + 2), f"{time:.1f} s", WHITE, font(12, True), stroke_width=2,
                 stroke_fill=(0, 0, 0))  # fmt: skip
    return sheet
