"""One face: a close-up with regions and evidence map, and what was read in words and bars."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from facellm.core.evidence import region_members, region_name
from facellm.core.facs import intensity_word, unit_of
from facellm.core.report import FaceReading
from facellm.draw.overlay import Overlay, heat
from facellm.draw.style import CARD, EDGE, GREY, Pen, face_colour, shorten, wrap
from facellm.evidence_map import EvidenceMap

PAD = 18
CLOSE_UP = 208
"""Side of the close-up on a full card; a wide card has a larger one."""
WORDS = 320
"""Width the expressions take beside the close-up, margins included."""
CONTEXT = 1.45
"""Side of the close-up over the longer side of the points' bounding box."""
LINE = 21
OUTSIDE = (60, 62, 66)
MOST_UNITS, MOST_EVIDENCE, MOST_TEXT = 10, 8, 4


def full_card(
    image: Image.Image,
    face: FaceReading,
    seen: EvidenceMap | None,
    width: int,
    notes: Sequence[str] = (),
) -> Image.Image:
    """Everything about one face, as high as it needs to be; `notes` are warnings about it."""
    card = Image.new("RGB", (width, 2000), CARD)
    pen = Pen(card)
    top = _heading(pen, face, width)
    side = max(CLOSE_UP, width - WORDS)
    card.paste(close_up(image, face, seen, side), (PAD, round(top)))
    right = PAD + side + PAD
    _expressions(pen, face, (right, top, width - PAD), len(face.expression.probabilities))
    y = top + side + PAD
    y = _units(pen, face, (PAD, y, width - PAD), MOST_UNITS)
    y = _evidence(pen, face, (PAD, y, width - PAD))
    said = [(f"“{face.text}”", MOST_TEXT)] if face.text else []
    for text, most in [*said, *((f"Note: {note}", 2) for note in notes)]:
        for line in wrap(text, 14, width - 2 * PAD, most):
            pen.text((PAD, y), line, 14, GREY)
            y += LINE - 2
        y += 6
    return _framed(card.crop((0, 0, width, round(y + PAD / 2))), face)


def small_card(
    image: Image.Image, face: FaceReading, seen: EvidenceMap | None, width: int
) -> Image.Image:
    """The most important of one face, at a fixed height, for pictures with many."""
    side = 118
    card = Image.new("RGB", (width, 46 + side + PAD), CARD)
    pen = Pen(card)
    top = _heading(pen, face, width)
    card.paste(close_up(image, face, seen, side), (PAD, round(top)))
    box = (PAD + side + PAD, top, width - PAD)
    y = _expressions(pen, face, box, 3)
    strongest = sorted(face.action_units.items(), key=lambda item: -item[1])[:4]
    units = "  ".join(f"{code} {value:.0f}" for code, value in strongest)
    pen.text((box[0], y + 6), shorten(units or "no action unit", 14, box[2] - box[0]), 14, GREY)
    return _framed(card, face)


def close_up(
    image: Image.Image, face: FaceReading, seen: EvidenceMap | None, side: int
) -> Image.Image:
    """The face upright as it stands in the picture, with map, regions and points."""
    points = np.array(face.points, float).reshape(-1, 2)
    corners = points if len(points) else np.reshape(face.box, (2, 2))
    low, high = corners.min(0), corners.max(0)
    reach = max(8.0, float((high - low).max()) * CONTEXT)
    origin = (low + high) / 2 - reach / 2 - (0, 0.06 * reach)
    scale = side / reach
    crop = _cut(image, (*origin, *(origin + reach)), side)
    if seen is not None:
        placed = (np.reshape(seen.box, (2, 2)) - origin) * scale
        crop = heat(crop, tuple(placed.ravel()), seen.seen(face.evidence))
    if len(points):
        layer = Overlay((side, side), scale, (float(origin[0]), float(origin[1])))
        cited = {name for line in face.evidence for name in region_members(line.region)}
        layer.regions(points, cited, face_colour(face.index), 0.8)
        layer.points(points, (255, 255, 255), 1.0)
        crop = layer.onto(crop)
    return crop


def _cut(image: Image.Image, area: tuple[float, ...], side: int) -> Image.Image:
    """A square of the picture at another size; grey where it reaches outside."""
    if side >= area[2] - area[0]:
        size, kind = (side, side), Image.Transform.EXTENT
        return image.transform(size, kind, area, Image.Resampling.BICUBIC, fillcolor=OUTSIDE)
    x0, y0, x1, y1 = (round(v) for v in area)
    square = Image.new("RGB", (x1 - x0, y1 - y0), OUTSIDE)
    square.paste(image, (-x0, -y0))
    return square.resize((side, side), Image.Resampling.LANCZOS)


def _heading(pen: Pen, face: FaceReading, width: int) -> float:
    colour = face_colour(face.index)
    pen.draw.rounded_rectangle((PAD, 13, PAD + 26, 39), 7, fill=colour)
    pen.text((PAD + 13, 26), str(face.index), 16, CARD, "mm", bold=True)
    label = face.expression.label
    share = face.expression.probabilities.get(label)
    end = PAD + 36 + pen.text((PAD + 36, 26), label, 20, anchor="lm", bold=True)
    if share is not None:
        pen.text((end + 8, 27), f"{share:.0%}", 17, GREY, "lm")
    pen.text((width - PAD, 27), f"face {face.confidence:.0%}", 13, GREY, "rm")
    return 50.0


def _expressions(
    pen: Pen, face: FaceReading, place: tuple[float, float, float], count: int
) -> float:
    x0, y, x1 = place
    ranked = sorted(face.expression.probabilities.items(), key=lambda item: -item[1])[:count]
    for name, share in ranked:
        strong = name == face.expression.label
        pen.text((x0, y + 12), name, 15, anchor="lm")
        colour = face_colour(face.index) if strong else (168, 175, 186)
        pen.bar((x0 + 92, y + 7, x1 - 50, y + 17), share, colour)
        pen.text((x1, y + 12), f"{share:.0%}", 14, GREY, "rm")
        y += 26
    return y


def _units(pen: Pen, face: FaceReading, place: tuple[float, float, float], most: int) -> float:
    x0, y, x1 = place
    pen.text((x0, y), "Action units", 14, GREY, bold=True)
    pen.text((x1, y), "intensity 0 to 5", 13, GREY, "ra")
    y += LINE + 2
    ranked = sorted(face.action_units.items(), key=lambda item: -item[1])
    if not ranked:
        pen.text((x0, y), "none stated", 14, GREY)
        return y + LINE + 8
    for code, value in ranked[:most]:
        pen.text((x0, y + 9), code, 15, anchor="lm", bold=True)
        pen.text((x0 + 52, y + 9), shorten(unit_of(code).name, 15, 190), 15, anchor="lm")
        pen.bar((x0 + 250, y + 4, x1 - 42, y + 14), value / 5)
        pen.text((x1, y + 9), f"{value:.1f}".removesuffix(".0"), 14, GREY, "rm")
        y += LINE
    if len(ranked) > most:
        pen.text((x0, y), f"and {len(ranked) - most} weaker ones", 14, GREY)
        y += LINE
    return y + 8


def _evidence(pen: Pen, face: FaceReading, place: tuple[float, float, float]) -> float:
    x0, y, x1 = place
    if not face.evidence:
        return y
    pen.text((x0, y), "Evidence", 14, GREY, bold=True)
    y += LINE + 2
    for line in face.evidence[:MOST_EVIDENCE]:
        cited = line.action_unit or ""
        if line.intensity:
            cited += f", {intensity_word(line.intensity)}"
        where = f"{region_name(line.region)}: "
        at = x0 + pen.text((x0, y), where, 15, face_colour(face.index), bold=True) + 2
        said = shorten(line.text, 15, x1 - at - 8 - 130)
        at += pen.text((at, y), said, 15) + 6
        pen.text((at, y), shorten(f"({cited})", 14, x1 - at), 14, GREY)
        y += LINE
    return y + 8


def _framed(card: Image.Image, face: FaceReading) -> Image.Image:
    pen = Pen(card)
    pen.draw.rectangle((0, 0, card.width - 1, card.height - 1), outline=EDGE)
    pen.draw.rectangle((0, 0, card.width - 1, 3), fill=face_colour(face.index))
    return card
