"""Tables of OpenFace and py-feat onto samples and clips, by name, box and time."""

import pytest
from step_items import clip_of, face_at, outcome, sample_of, texture

from data_engine.steps.import_units import ImportUnits
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels, Frame

# The header OpenFace 2 writes, with its blanks, cut to what matters here.
OPENFACE = "frame, face_id, timestamp, confidence, success, AU01_r, AU12_r, AU12_c, AU28_c\n"
FEX = "input,frame,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,FaceScore,AU01,AU12,Pitch\n"


def picture(folder, name="a.jpg", faces=None):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    return sample_of(folder, name, texture(1), faces or [face_at(160, 150)])


def fex_line(name, face, score=0.99, units="0.1,0.9", frame=0):
    x0, y0, x1, y1 = face.box
    return f"{name},{frame},{x0},{y0},{x1 - x0},{y1 - y0},{score},{units},0.1\n"


def test_openface_intensities_are_taken_by_file_name(tmp_path):
    table = tmp_path / "openface" / "a.csv"
    table.parent.mkdir()
    table.write_text(OPENFACE + "1, 0, 0.0, 0.98, 1, 0.31, 3.204, 1, 1\n")
    ((kept,), rejects) = outcome(
        ImportUnits(path=table.parent, tool="openface"), [picture(tmp_path)], tmp_path
    )
    assert kept.faces[0].labels.action_units == {1: 0.31, 12: 3.2}  # AU28_c has no intensity
    assert kept.faces[0].labels.weak == {"action_units"} and not rejects


@pytest.mark.parametrize("row", ["1, 0, 0, 0.5, 1, 1, 3, 1, 0\n", "1, 0, 0, 0.98, 0, 1, 3, 1, 0\n"])
def test_low_confidence_and_failure_leave_the_face_unlabelled(tmp_path, row):
    (tmp_path / "a.csv").write_text(OPENFACE + row)
    ((kept,), rejects) = outcome(
        ImportUnits(path=tmp_path / "a.csv", tool="openface"), [picture(tmp_path)], tmp_path
    )
    assert kept.faces[0].labels == FaceLabels() and not rejects


def test_pyfeat_probabilities_keep_presence_at_one_half_and_rows_find_their_face(tmp_path):
    left, right = face_at(80, 150, 30), face_at(240, 150, 30)
    table = tmp_path / "fex.csv"
    table.write_text(
        FEX
        + fex_line("/data/set/a.jpg", right, units="0.25,0.75")
        + fex_line("/data/set/a.jpg", left, units="0.5,")
    )
    sample = picture(tmp_path, faces=[left, right])
    ((kept,), _) = outcome(ImportUnits(path=table, tool="pyfeat"), [sample], tmp_path)
    # 0.25 → half of 2; 0.75 → half way from 2 to 5; an empty cell is unlabelled.
    assert kept.faces[1].labels.action_units == {1: 1.0, 12: 3.5}
    assert kept.faces[0].labels.action_units == {1: 2.0}


def test_human_units_stay(tmp_path):
    known = face_at(160, 150, labels=FaceLabels(action_units={4: 2.0}))
    (tmp_path / "fex.csv").write_text(FEX + fex_line("a.jpg", known))
    step = ImportUnits(path=tmp_path / "fex.csv", tool="pyfeat")
    ((kept,), _) = outcome(step, [picture(tmp_path, faces=[known])], tmp_path)
    assert kept.faces == [known]


def test_what_matches_nothing_is_reported_on_both_sides(tmp_path):
    face = face_at(160, 150)
    (tmp_path / "fex.csv").write_text(FEX + fex_line("a.jpg", face) + fex_line("z.jpg", face) * 2)
    items = [picture(tmp_path), picture(tmp_path, "b.jpg")]
    step = ImportUnits(path=tmp_path / "fex.csv", tool="pyfeat")
    kept, rejects = outcome(step, items, tmp_path)
    assert len(kept) == 1
    assert [(r.reason, r.item_id) for r in rejects] == [
        ("no_tool_rows", items[1].id), ("unmatched_rows", "z.jpg"),
    ]  # fmt: skip
    assert rejects[1].detail.startswith("2 rows")
    kept, _ = outcome(step.model_copy(update={"unmatched": "keep"}), items, tmp_path)
    assert kept[1] == items[1]
    with pytest.raises(FaceLLMError, match="names none of the 1 items"):
        list(step.run(items[1:], tmp_path))


def test_equal_names_are_told_apart_by_their_folders(tmp_path):
    face = face_at(160, 150)
    (tmp_path / "fex.csv").write_text(
        FEX + fex_line("x/p1/a.jpg", face, units="0,0") + fex_line("x/p2/a.jpg", face, units="1,1")
    )
    items = [picture(tmp_path, "p1/a.jpg"), picture(tmp_path, "p2/a.jpg"),
             picture(tmp_path, "p3/a.jpg")]  # fmt: skip
    step = ImportUnits(path=tmp_path / "fex.csv", tool="pyfeat")
    kept, (reject,) = outcome(step, items, tmp_path)
    assert [k.faces[0].labels.action_units[12] for k in kept] == [0.0, 5.0]
    assert reject.reason == "ambiguous_rows" and "x/p1/a.jpg" in reject.detail


def test_several_faces_without_boxes_are_ambiguous(tmp_path):
    (tmp_path / "a.csv").write_text(OPENFACE + "1, 0, 0, 0.98, 1, 1, 3, 1, 0\n" * 2)
    step = ImportUnits(path=tmp_path / "a.csv", tool="openface")
    _, (reject,) = outcome(step, [picture(tmp_path)], tmp_path)
    assert reject.reason == "ambiguous_rows" and "2 rows, 1 faces" in reject.detail


def test_openface_points_serve_as_boxes(tmp_path):
    left, right = face_at(80, 150, 30), face_at(240, 150, 30)
    header = OPENFACE.strip() + "".join(f", {a}_{n}" for a in "xy" for n in range(68)) + "\n"
    points = "".join(f", {p[axis]:.1f}" for axis in (0, 1) for p in right.points)
    (tmp_path / "a.csv").write_text(header + "1, 0, 0, 0.98, 1, 1, 3, 1, 0" + points + "\n")
    step = ImportUnits(path=tmp_path / "a.csv", tool="openface")
    ((kept,), _) = outcome(step, [picture(tmp_path, faces=[left, right])], tmp_path)
    assert kept.faces[0] == left and kept.faces[1].labels.action_units[12] == 3.0


def test_clips_take_the_row_nearest_in_time(tmp_path):
    face = face_at(160, 150)
    frames = [Frame(time=t, faces=[face]) for t in (0.0, 1.0, 9.0)]
    clip = clip_of("v.mp4", frames=frames)
    rows = "".join(f"{n + 1}, 0, {n / 10}, 0.98, 1, 0, {n / 10:.1f}, 0, 0\n" for n in range(21))
    (tmp_path / "v.csv").write_text(OPENFACE + rows)
    step = ImportUnits(path=tmp_path / "v.csv", tool="openface")
    ((kept,), _) = outcome(step, [clip], tmp_path)
    units = [f.faces[0].labels.action_units for f in kept.frames]
    assert units == [{1: 0, 12: 0}, {1: 0, 12: 1.0}, None]  # nothing near 9 s
    bare = clip.model_copy(update={"frames": []})
    _, (reject,) = outcome(step, [bare], tmp_path)
    assert reject.reason == "no_frames"


def test_pyfeat_clips_need_a_frame_rate(tmp_path):
    face = face_at(160, 150)
    clip = clip_of("v.mp4", frames=[Frame(time=1.0, faces=[face])])
    (tmp_path / "fex.csv").write_text(
        FEX + fex_line("v.mp4", face, units="0,0") + fex_line("v.mp4", face, units="0,1", frame=25)
    )
    step = ImportUnits(path=tmp_path / "fex.csv", tool="pyfeat", fps=25)
    ((kept,), _) = outcome(step, [clip], tmp_path)
    assert kept.frames[0].faces[0].labels.action_units[12] == 5.0
    with pytest.raises(FaceLLMError, match="set fps"):
        list(ImportUnits(path=tmp_path / "fex.csv", tool="pyfeat").run([clip], tmp_path))


@pytest.mark.parametrize(
    ("tool", "text", "message"),
    [
        ("openface", "frame, AU12_r\n1, 3\n", "lacks the columns confidence"),
        ("pyfeat", "frame,AU12\n1,0.3\n", "lacks the columns input, FaceScore"),
        ("pyfeat", "input,FaceScore,AU12_r\na.jpg,1,3\n", "no action units; .* AU12"),
        ("pyfeat", "input,FaceScore,AU12\na.jpg,1,3.5\n", "a.csv:2 AU12 is 3.5; expected 0 to 1"),
        ("openface", "confidence, AU12_r\n0.9, much\n", "a.csv:2 AU12_r is 'much'"),
        ("openface", "confidence, AU12_r\n0.9\n", "a.csv:2 has 1 fields; the header has 2"),
        ("openface", "", "lacks the columns confidence"),
    ],
)
def test_tables_that_are_none_name_file_and_line(tmp_path, tool, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FaceLLMError, match=message):
        list(ImportUnits(path=tmp_path / "a.csv", tool=tool).run([picture(tmp_path)], tmp_path))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(FaceLLMError, match="no csv"):
        list(ImportUnits(path=tmp_path / "none", tool="openface").run([], tmp_path))
