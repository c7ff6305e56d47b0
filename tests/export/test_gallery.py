"""What the gallery shows, and what it must not show; text that fits; histograms of any corpus."""

from pathlib import Path

import pytest
from little_corpora import IMAGE, PHOTO, SMILE, MakeRow, said
from PIL import Image

from data_engine.export import ExportOptions, export_rows
from data_engine.export.census import UNRATED, Census
from data_engine.export.figures import histograms
from data_engine.export.film import film
from data_engine.export.gallery import COLUMN, MARK, PAD, SIDE, Picks, gallery, known_of
from data_engine.export.paper import font, wrapped
from data_engine.export.pictures import Media
from data_engine.row import Making, Row
from facellm.core.sample import FaceLabels

LONG = "The corners of the mouth are pulled up and the cheeks are raised. " * 6


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Three seconds of 64 × 48: red, green, blue. As a gif, which keeps the colours."""
    pictures = [Image.new("RGB", (64, 48), colour) for colour in ("#f00", "#0f0", "#00f")]
    path = tmp_path / "clip.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=1000)
    return path


def skin(image: Image.Image, colour: tuple[int, int, int] = (40, 99, 30)) -> int:
    """Pixels of about the colour of the picture of row 1."""
    return sum(
        count for count, seen in image.getcolors(1 << 24) or ()
        if all(abs(a - b) < 12 for a, b in zip(seen, colour, strict=True))
    )  # fmt: skip


@pytest.mark.parametrize("allowed", [False, True])
def test_photographs_are_shown_only_if_asked(
    tmp_path: Path, make_row: MakeRow, allowed: bool
) -> None:
    options = ExportOptions(gallery_of_photos=allowed)
    export_rows([make_row(1, provenance=PHOTO)], tmp_path, tmp_path / "out", options)
    with Image.open(tmp_path / "out" / "gallery.png") as image:
        assert (skin(image) > SIDE * 100) is allowed
    card = (tmp_path / "out" / "README.md").read_text()
    assert ("The photographs and videos of 1 rows are not shown" in card) is not allowed


def test_rendered_faces_are_always_shown_with_their_box(tmp_path: Path, make_row: MakeRow) -> None:
    sheet = gallery([make_row(1)], Media(tmp_path), {"sample1": [(4, 3, 12, 9)]}, photos=False)
    assert sheet.width == COLUMN + 2 * PAD and skin(sheet) > SIDE * 100
    # 16 x 12 pixels are shown 210 wide: the box begins at 4 / 16 of it, behind two margins.
    assert sheet.getpixel((PAD + PAD + round(SIDE / 4) + 1, PAD + PAD + 80)) == MARK


def test_writers_take_turns_and_pictures_differ(make_row: MakeRow) -> None:
    def row(n: int, writer: str, sample: int) -> Row:
        return make_row(n, making=Making(writer=writer), sample_ids=[f"s{sample}"])

    picks = Picks(5, photos=False)
    for n in range(12):
        picks.add(row(n, "exp_cot", n % 3))
    picks.add(row(20, "caption", 8))
    picks.add(make_row(30, provenance=PHOTO))
    chosen = picks.rows()
    assert [r.making.writer for r in chosen].count("caption") == 1 and len(chosen) == 5
    # Four pictures are there (three of exp_cot): the first four rows show all of them.
    assert len({r.sample_ids[0] for r in chosen[:4]}) == 4
    assert all(r.provenance != PHOTO for r in chosen)


def test_photographs_fill_what_rendered_faces_leave(make_row: MakeRow) -> None:
    picks = Picks(3, photos=False)
    for n in range(9):
        picks.add(make_row(n, provenance=PHOTO))
    picks.add(make_row(9))
    assert [r.id == "row9" for r in picks.rows()] == [True, False, False]


def test_rows_of_every_shape_can_be_drawn(tmp_path: Path, make_row: MakeRow) -> None:
    two = [said("user", IMAGE, IMAGE, "Same?"), said("assistant", LONG)]
    rows = [
        make_row(0, images=["images/0.jpg", "images/0.jpg"], sample_ids=["a", "b"], messages=two),
        make_row(1, images=[], videos=["clip.mp4"], facts=[]),
        make_row(2, images=["images/gone.jpg"]),
    ]
    small = gallery(rows[1:2], Media(tmp_path), {}, photos=False)
    sheet = gallery(rows, Media(tmp_path), {}, photos=False)
    assert sheet.width == 2 * COLUMN + 3 * PAD and sheet.height > small.height


def test_a_clip_is_shown_by_its_moments(clip: Path, make_row: MakeRow) -> None:
    sheet = film(clip, 210)
    assert sheet is not None and sheet.width == 210
    # Red, then green, then blue, for a second each: six moments from the first frame to the last.
    across, high = 103 + 4, (sheet.height + 4) // 3
    seen = [sheet.getpixel((n % 2 * across + 40, n // 2 * high + 30)) for n in range(6)]
    colours = [pixel.index(max(pixel)) for pixel in seen]
    assert colours == sorted(colours) and set(colours) == {0, 1, 2}
    row = make_row(1, images=[], videos=[clip.name], facts=[])
    shown = gallery([row], Media(clip.parent), {}, photos=True)
    assert len(shown.getcolors(1 << 24)) > 3 and film(clip.parent / "none.mp4", 210) is None


def test_text_is_broken_to_the_width() -> None:
    for text in (LONG, "<think>\nbrows: raised\n</think>", "w" * 300, "日本語" * 80):
        lines = wrapped(text, 14, 300, 40)
        assert all(font(14).getlength(line) <= 300 for line in lines)
        assert "".join("".join(lines).split()) == "".join(text.split())
    short = wrapped(LONG, 14, 300, 3)
    assert len(short) == 3 and short[-1].endswith(" …")
    assert font(14).getlength(short[-1]) <= 300
    assert wrapped("a\n\nb", 14, 300, 9) == ["a", "", "b"]


def test_labels_in_a_line() -> None:
    assert known_of(SMILE) == ("~happiness, ~AU12 (Lip Corner Puller) 4.0, ~AU6 (Cheek Raiser) 2.6")
    rest = FaceLabels(action_units={4: 0.0}, age=31, valence=-0.25)
    assert known_of(rest) == "age 31, valence -0.25, no action unit"
    assert known_of(FaceLabels()) == ""


def test_histograms_of_any_corpus(tmp_path: Path, make_row: MakeRow) -> None:
    exact = FaceLabels(emotion="fear", action_units={5: 3.0, 99: 1.0})
    for name, facts in (("none", []), ("weak", [SMILE]), ("both", [SMILE, exact])):
        census = Census()
        census.add(make_row(0, facts=facts))
        histograms(census, tmp_path / f"{name}.png")
    widths = [Image.open(tmp_path / f"{name}.png").width for name in ("none", "weak", "both")]
    assert (
        widths[1] == widths[2] == pytest.approx(3 * widths[0], abs=2)
    )  # a panel each of expression, units, tasks


def test_a_unit_coded_as_present_has_no_number(tmp_path: Path, make_row: MakeRow) -> None:
    labels = FaceLabels(action_units={6: 2.0, 12: 4.0, 4: 0.0}, presence_only=frozenset({4, 6}))
    assert known_of(labels) == "AU12 (Lip Corner Puller) 4.0, AU6 (Cheek Raiser) present"
    census = Census()
    census.add(make_row(0, facts=[labels]))
    assert census.units == {(4, False): {0: 1}, (6, False): {UNRATED: 1}, (12, False): {4: 1}}
    histograms(census, tmp_path / "labels.png")
    assert Image.open(tmp_path / "labels.png").width > 500
