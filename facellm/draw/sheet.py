"""The whole sheet: the picture with its faces marked, cards beside it or under it, a footer."""

from collections.abc import Sequence

from PIL import Image

from facellm.core.report import FaceReport
from facellm.draw.card import full_card, small_card
from facellm.draw.marks import marked
from facellm.draw.style import GREY, INK, PAPER, Pen, shorten
from facellm.evidence_map import EvidenceMap

GAP = 20
WIDTH, HEIGHT = 1600, 1560
"""The sheet never exceeds these by more than the footer."""
MOST_FULL = 3
"""Up to this many faces get full cards; more get small ones."""
COLUMNS, MOST_SMALL = 3, 15
NOTE = "What is visible and how people usually read it, not what a person feels."


def annotate(
    image: Image.Image, report: FaceReport, maps: Sequence[EvidenceMap] = ()
) -> Image.Image:
    """Draw a report.

    Args:
        image: the RGB picture the report is about.
        report: any number of faces.
        maps: evidence maps of some or all faces; without, the close-ups show no heat.
    """
    sheet = Sheet(image, report, {one.face: one for one in maps})
    count = len(report.faces)
    if count > MOST_FULL:
        return sheet.finish(sheet.under(COLUMNS))
    layouts = [sheet.beside((330, 620, 560, 560)[count])]
    if count > 1:
        layouts.append(sheet.under(count))
    return sheet.finish(max(layouts, key=sheet.used))


class Sheet:
    """One picture and its report, laid out in one way or another."""

    def __init__(
        self, image: Image.Image, report: FaceReport, maps: dict[int, EvidenceMap]
    ) -> None:
        self.image = image
        self.report = report
        self.maps = maps
        self.carded = min(len(report.faces), MOST_SMALL)

    def used(self, sheet: Image.Image) -> float:
        """Share of the sheet that is not empty paper."""
        return 1 - sheet.convert("L").histogram()[249] / (sheet.width * sheet.height)

    def cards(self, width: int) -> list[Image.Image]:
        """One card a face, `width` pixels wide; small ones where there are many faces."""
        faces = self.report.faces[: self.carded]
        known = [(self.image, face, self.maps.get(face.index), width) for face in faces]
        if len(self.report.faces) > MOST_FULL:
            return [small_card(*one) for one in known]
        return [full_card(*one, self._notes(one[1].index)) for one in known]

    def _notes(self, index: int) -> list[str]:
        start = f"face {index}: "
        return [w.removeprefix(start) for w in self.report.warnings if w.startswith(start)]

    def beside(self, width: int) -> Image.Image:
        """The cards in a column right of the picture."""
        room = (WIDTH - width - 3 * GAP, HEIGHT - 2 * GAP)
        shown = marked(self.image, self.report.faces, room)
        cards = self.cards(width)
        column = sum(card.height + GAP for card in cards) - GAP if cards else 120
        # Talkative faces can fill more than the height: all cards shrink alike.
        shrink = min(1.0, room[1] / column)
        height = max(shown.height, round(column * shrink)) + 2 * GAP
        sheet = Image.new("RGB", (shown.width + round(width * shrink) + 3 * GAP, height), PAPER)
        sheet.paste(shown, (GAP, GAP))
        x, y = shown.width + 2 * GAP, GAP
        for card in cards:
            size = (round(card.width * shrink), round(card.height * shrink))
            sheet.paste(card.resize(size, Image.Resampling.LANCZOS), (x, y))
            y += size[1] + round(GAP * shrink)
        if not cards:
            pen = Pen(sheet)
            pen.text((x, GAP + 6), "No face found", 24, INK, bold=True)
            pen.text((x, GAP + 44), "The finder saw no face in this picture.", 16, GREY)
        return sheet

    def under(self, columns: int) -> Image.Image:
        """The cards in rows under the picture."""
        cards = self.cards((WIDTH - (columns + 1) * GAP) // columns)
        rows = [cards[start : start + columns] for start in range(0, len(cards), columns)]
        heights = [max(card.height for card in row) for row in rows]
        room = HEIGHT - 2 * GAP - sum(heights) - GAP * len(rows)
        shown = marked(self.image, self.report.faces, (WIDTH - 2 * GAP, max(300, room)))
        y = shown.height + 2 * GAP
        sheet = Image.new("RGB", (WIDTH, y + sum(heights) + GAP * len(rows)), PAPER)
        sheet.paste(shown, ((WIDTH - shown.width) // 2, GAP))
        for row, height in zip(rows, heights, strict=True):
            for index, card in enumerate(row):
                sheet.paste(card, (GAP + index * (card.width + GAP), y))
            y += height + GAP
        return sheet

    def finish(self, sheet: Image.Image) -> Image.Image:
        """Add the footer: what this is, and by what."""
        out = Image.new("RGB", (sheet.width, sheet.height + 28), PAPER)
        out.paste(sheet, (0, 0))
        pen = Pen(out)
        source = f"{self.report.model}, faces by {self.report.finder}"
        more = len(self.report.faces) - self.carded
        if more:
            source += f"; {more} more faces are in the report"
        y = sheet.height + 4
        end = out.width - GAP - pen.text((out.width - GAP, y), source, 14, GREY, "ra")
        note = shorten(NOTE, 14, end - 2 * GAP)
        if len(note) > len(NOTE) // 3:
            pen.text((GAP, y), note, 14, GREY)
        return out
