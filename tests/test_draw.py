"""The annotated picture: any number of faces, any size; marks where they belong."""

import numpy as np
import pytest
from PIL import Image

from facellm.core.emotions import EMOTIONS
from facellm.core.regions import REGIONS
from facellm.core.report import Evidence, Expression, FaceReading, FaceReport
from facellm.draw import annotate
from facellm.draw.overlay import Overlay, heat
from facellm.draw.sheet import Sheet
from facellm.draw.style import face_colour, width_of, wrap
from facellm.evidence_map import EvidenceMap
from facellm.faces.mean_shape import MEAN_SHAPE


def reading(index: int, x: float, y: float, side: float, units: int = 3) -> FaceReading:
    shape = np.asarray(MEAN_SHAPE, float)
    low, high = shape.min(0), shape.max(0)
    points = (shape - low) / (high - low).max() * side + (x, y)
    codes = ("AU1", "AU4", "AU6", "AU9", "AU12", "AU15", "AU17", "AU20", "AU25", "AU26", "AU27")
    evidence = Evidence(text="corners pulled up", region="mouth", action_unit="AU12", intensity=3)
    return FaceReading(
        index=index,
        box=(x, y, x + side, y + side),
        points=[(float(px), float(py)) for px, py in points],
        confidence=0.9,
        expression=Expression(
            label="happiness",
            probabilities={e: 0.3 if e == "happiness" else 0.1 for e in EMOTIONS},
        ),
        action_units={code: 2.5 for code in codes[:units]},
        evidence=[evidence] * 2,
        text="The corners of the mouth are pulled up (AU12, marked). " * 3,
    )


def report(size: tuple[int, int], faces: list[FaceReading]) -> FaceReport:
    return FaceReport(width=size[0], height=size[1], faces=faces, finder="given", model="facellm-x")


def maps(face: FaceReading) -> EvidenceMap:
    attention = np.full((len(REGIONS), 4, 4), 1 / 16)
    x0, y0, x1, y1 = (round(v) for v in face.box)
    return EvidenceMap.of(face.index, (x0, y0, x1, y1), attention)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 20])
@pytest.mark.parametrize("size", [(300, 200), (60, 200)])
def test_any_number_of_faces_fits_the_sheet(count: int, size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (90, 90, 90))
    faces = [reading(i + 1, 5 + 12.0 * i, 10.0, 20.0) for i in range(count)]
    sheet = annotate(image, report(size, faces), [maps(face) for face in faces])
    assert sheet.mode == "RGB"
    assert max(sheet.size) <= 1620
    assert min(sheet.size) >= 200


@pytest.mark.parametrize("size", [(8, 8), (1, 400), (400, 1), (2600, 1400)])
def test_any_size_of_picture(size: tuple[int, int]) -> None:
    face = reading(1, 0.0, 0.0, min(size) * 0.8)
    sheet = annotate(Image.new("RGB", size), report(size, [face]), [maps(face)])
    assert max(sheet.size) <= 1620


def test_many_units_and_no_map_and_no_points_still_draw() -> None:
    full = reading(1, 10.0, 10.0, 60.0, units=11)
    bare = full.model_copy(update={"points": [], "action_units": {}, "evidence": [], "text": ""})
    for face in (full, bare):
        annotate(Image.new("RGB", (100, 100)), report((100, 100), [face]))


def test_warnings_about_a_face_make_its_card_longer() -> None:
    plain = report((100, 100), [reading(1, 10.0, 10.0, 60.0)])
    noted = plain.model_copy(update={"warnings": ["face 1: no evidence", "face 2: not here"]})
    heights = [full_card_of(one) for one in (plain, noted)]
    assert heights[1] > heights[0]


def full_card_of(one: FaceReport) -> int:
    sheet = Sheet(Image.new("RGB", (100, 100)), one, {})
    return sheet.cards(560)[0].height


def test_the_picture_given_is_not_changed() -> None:
    image = Image.new("RGB", (100, 100), (10, 20, 30))
    annotate(image, report((100, 100), [reading(1, 20.0, 20.0, 50.0)]))
    assert image.getextrema() == ((10, 10), (20, 20), (30, 30))


def test_box_is_drawn_where_the_face_is() -> None:
    layer = Overlay((100, 50), 2.0)
    layer.box((10, 5, 40, 20), face_colour(1), 2.0)
    drawn = np.asarray(layer.onto(Image.new("RGB", (100, 50)))).sum(-1) > 0
    ys, xs = np.nonzero(drawn)
    # Picture pixels times the scale of 2.
    assert abs(xs.min() - 20) <= 1 and abs(xs.max() - 80) <= 1
    assert abs(ys.min() - 10) <= 1 and abs(ys.max() - 40) <= 1


def test_heat_follows_rows_and_columns() -> None:
    seen = np.zeros((4, 4))
    seen[0, 3] = 1.0  # first row, last column: top right
    drawn = np.asarray(heat(Image.new("RGB", (80, 80)), (0, 0, 80, 80), seen)).sum(-1)
    y, x = np.unravel_index(drawn.argmax(), drawn.shape)
    assert x > 50 and y < 30
    assert drawn[60:, :20].max() == 0


def test_heat_may_reach_outside_the_picture() -> None:
    image = Image.new("RGB", (20, 20))
    assert heat(image, (-30, -30, 60, 60), np.ones((3, 3))).size == (20, 20)
    assert heat(image, (5, 5, 5, 9), np.ones((3, 3))) is image


def test_cited_regions_choose_the_map() -> None:
    attention = np.zeros((len(REGIONS), 2, 2))
    attention[REGIONS.index("mouth"), 1, 0] = 1
    attention[REGIONS.index("left_brow"), 0, 1] = 1
    one = EvidenceMap.of(1, (0, 0, 2, 2), attention)
    cited = [Evidence(text="x", region="mouth")]
    assert one.seen(cited).tolist() == [[0, 0], [1, 0]]
    pair = [Evidence(text="x", region="brows")]
    assert one.seen(pair).tolist() == [[0, 1], [0, 0]]
    assert one.seen().tolist() == [[0, 1], [1, 0]]


def test_wrapped_text_keeps_to_width_and_lines() -> None:
    lines = wrap("word " * 80, 14, 200, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(width_of(line, 14) <= 200 for line in lines)
    assert wrap("short", 14, 200, 3) == ["short"]
