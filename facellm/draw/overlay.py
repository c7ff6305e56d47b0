"""What is drawn over pixels: boxes, points, region outlines and the evidence map."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facellm.core.regions import REGIONS, region_polygon
from facellm.draw.style import SMOOTH, Colour

CLOSED = ("forehead", "right_cheek", "left_cheek", "right_eye", "left_eye", "mouth", "inner_mouth",
          "glabella", "right_nasolabial", "left_nasolabial", "chin")  # fmt: skip
HEAT: NDArray[np.float64] = np.array(
    [(70, 30, 160, 0), (170, 30, 140, 70), (240, 80, 60, 130), (255, 170, 30, 165),
     (255, 245, 140, 190)], float
)  # fmt: skip
"""Colours of the evidence map from 0 to 1, with their opacity; nothing is painted at 0."""


class Overlay:
    """A transparent layer over a picture that is shown larger or smaller than it is."""

    def __init__(
        self, size: tuple[int, int], scale: float, origin: tuple[float, float] = (0, 0)
    ) -> None:
        """Map picture pixels to the layer: `(pixel - origin) * scale`."""
        self.size = size
        self._scale = scale * SMOOTH
        self._origin = np.asarray(origin, float)
        self._layer = Image.new("RGBA", (size[0] * SMOOTH, size[1] * SMOOTH))
        self._draw = ImageDraw.Draw(self._layer)

    def _place(self, points: NDArray[np.floating]) -> list[tuple[float, float]]:
        placed = (np.asarray(points, float) - self._origin) * self._scale
        return [(float(x), float(y)) for x, y in placed]

    def box(self, box: tuple[float, float, float, float], colour: Colour, width: float) -> None:
        """A rounded frame; width in pixels of the layer as shown."""
        (x0, y0), (x1, y1) = self._place(np.reshape(box, (2, 2)))
        stroke = max(1, round(width * SMOOTH))
        self._draw.rounded_rectangle(
            (x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)), 3 * stroke, outline=(*colour, 255),
            width=stroke,
        )  # fmt: skip

    def points(self, points: NDArray[np.floating], colour: Colour, radius: float) -> None:
        """Dots with a dark rim, so that they show on any skin."""
        r = radius * SMOOTH
        for x, y in self._place(points):
            self._draw.ellipse((x - r * 1.5, y - r * 1.5, x + r * 1.5, y + r * 1.5), (0, 0, 0, 110))
            self._draw.ellipse((x - r, y - r, x + r, y + r), (*colour, 255))

    def regions(
        self, points: NDArray[np.floating], cited: Collection[str], colour: Colour, width: float
    ) -> None:
        """Outlines of the fifteen regions: thin and pale, the cited ones strong and tinted."""
        for region in sorted(REGIONS, key=lambda name: name in cited):
            strong = region in cited
            outline = self._place(region_polygon(region, points))
            closed = region in CLOSED
            if strong and closed:
                tint = Image.new("RGBA", self._layer.size)
                ImageDraw.Draw(tint).polygon(outline, fill=(*colour, 60))
                self._layer.alpha_composite(tint)
            path = [*outline, outline[0]] if closed else outline
            line = (*colour, 255) if strong else (255, 255, 255, 120)
            stroke = max(1, round(width * SMOOTH * (1.8 if strong else 1)))
            self._draw.line(path, fill=line, width=stroke, joint="curve")

    def onto(self, image: Image.Image) -> Image.Image:
        """The picture, of this layer's size, with the layer on it."""
        layer = self._layer.resize(self.size, Image.Resampling.BOX)
        return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def heat(image: Image.Image, box: tuple[float, ...], seen: NDArray[np.floating]) -> Image.Image:
    """Paint a map on a picture.

    Args:
        image: the picture as shown.
        box: x0, y0, x1, y1 of the map in pixels of it; may reach outside.
        seen: (G, G) in [0, 1].
    """
    x0, y0, x1, y1 = (round(v) for v in box)
    if x1 <= x0 or y1 <= y0:
        return image
    small = Image.fromarray(np.asarray(seen, np.float32))
    values = np.asarray(small.resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC)).clip(0, 1)
    steps = np.linspace(0, 1, len(HEAT))
    # The square root shows the weaker half of a map, which a few strong patches would hide.
    channels = [np.interp(np.sqrt(values), steps, HEAT[:, c]) for c in range(4)]
    colours = Image.fromarray(np.stack(channels, -1).round().astype(np.uint8), "RGBA")
    layer = Image.new("RGBA", image.size)
    layer.paste(colours, (x0, y0))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")
