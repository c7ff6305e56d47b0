"""Reports as tables with py-feat's names, missing values empty; and the report as an object."""

import copy
import json
import pickle

import pandas as pd
import pytest
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.fex import COLUMNS, error_row, rows_of, table
from facellm.core.report import Evidence, Expression, FaceReading, FaceReport

PYFEAT = [
    "AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU11", "AU12", "AU14", "AU15",
    "AU17", "AU20", "AU23", "AU24", "AU25", "AU26", "AU28", "AU43",
]  # fmt: skip
EMOTIONS = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]


def face(index: int = 1, **more: object) -> FaceReading:
    known = {
        "index": index,
        "box": (10.0, 20.0, 40.5, 60.25),
        "points": [(float(n), 2.0 * n) for n in range(68)],
        "confidence": 0.9,
        "expression": Expression(
            label="happiness",
            probabilities={**dict.fromkeys((*EMOTIONS, "contempt"), 0.05), "happiness": 0.65},
        ),
        "action_units": {"AU6": 1.0, "AU12": 4.0},
        "evidence": [Evidence(text="corners pulled up", region="mouth", action_unit="AU12")],
        "text": f"Face {index} smiles.",
    }
    return FaceReading.model_validate({**known, **more})


def report(*faces: FaceReading, **more: object) -> FaceReport:
    known = {
        "width": 90,
        "height": 70,
        "faces": list(faces),
        "finder": "given",
        "model": "facellm-x",
    }
    return FaceReport.model_validate({**known, **more})


def test_columns_are_those_users_of_face_tools_know() -> None:
    assert [name for name in COLUMNS if name.startswith("AU") and "_" not in name] == PYFEAT
    assert [name for name in COLUMNS if name in EMOTIONS] == EMOTIONS
    for name in (
        "frame",
        "input",
        "FaceRectX",
        "FaceRectWidth",
        "FaceScore",
        "Pitch",
        "x_0",
        "y_67",
    ):
        assert name in COLUMNS


def test_values() -> None:
    [row] = rows_of(report(face(track=3)), "a.png", 7, 0.28)
    assert (row["input"], row["frame"], row["time"], row["face"], row["track"]) == (
        "a.png",
        7,
        0.28,
        1,
        3,
    )
    rect = [row[f"FaceRect{name}"] for name in ("X", "Y", "Width", "Height")]
    assert rect == [10.0, 20.0, 30.5, 40.25]
    assert (row["x_5"], row["y_5"], row["happiness"]) == (5.0, 10.0, 0.65)
    # AU12 is pronounced; AU6 is a trace, under what counts as present; AU4 is not stated.
    assert [row[f"AU12{end}"] for end in ("_r", "_c", "")] == [4.0, 1.0, 1.0]
    assert [row[f"AU06{end}"] for end in ("_r", "_c", "")] == [1.0, 0.0, 0.0]
    assert [row[f"AU04{end}"] for end in ("_r", "_c", "")] == [0.0, 0.0, 0.0]
    assert row["Pitch"] is None and row["error"] is None
    assert json.loads(row["evidence"])[0]["region"] == "mouth"


def test_no_intensity_stands_where_a_probability_is_expected() -> None:
    [row] = rows_of(report(face(action_units={f"AU{n}": 5.0 for n in (1, 12, 25)})))
    assert all(0 <= row[name] <= 1 for name in PYFEAT)


def test_units_that_could_not_be_read_are_missing_not_absent() -> None:
    [row] = rows_of(report(face(action_units={"AU12": 2.0}, unread=["action_units"])))
    assert row["AU12_r"] == 2.0
    assert row["AU04_r"] is None and row["AU04"] is None


def test_warnings_go_to_their_own_face() -> None:
    faces = [face(n) for n in range(1, 12)]
    warnings = ["face 1: cut off", "face 11: unreadable", "face 1: two readings"]
    rows = rows_of(report(*faces, warnings=warnings))
    assert rows[0]["warning"] == "cut off; two readings"
    assert rows[10]["warning"] == "unreadable"
    assert rows[1]["warning"] is None


def test_pictures_without_faces_and_errors_are_rows() -> None:
    [row] = rows_of(report(), "a.png")
    assert (row["input"], row["width"], row["face"], row["AU12"]) == ("a.png", 90, None, None)
    assert error_row("b.png", "damaged")["error"] == "damaged"


def test_the_table() -> None:
    frame = report(face(1), face(2)).to_fex("a.png")
    assert list(frame.columns) == list(COLUMNS) and len(frame) == 2
    assert frame["AU12"].dtype == "float64" and str(frame["face"].dtype) == "Int64"
    assert frame[PYFEAT].notna().all().all()
    empty = report().to_fex()
    assert len(empty) == 1 and pd.isna(empty["FaceRectX"][0])
    assert len(table([])) == 0


def test_text_of_no_face_one_and_several() -> None:
    assert report().text == "No face was found in this picture."
    assert report(face()).text == "Face 1 smiles."
    assert report(face(1), face(2)).text == "Face 1: Face 1 smiles.\nFace 2: Face 2 smiles."


def test_plot_needs_the_reader_that_made_the_report() -> None:
    with pytest.raises(FaceLLMError, match="does not know its picture"):
        report().plot()
    picture = Image.new("RGB", (9, 9))
    drawn = report(face()).drawn_by(lambda: picture)
    assert drawn.plot() is picture
    # What can draw it is no part of what a report says.
    assert drawn == report(face()) and "drawing" not in drawn.model_dump_json()
    assert pickle.loads(pickle.dumps(drawn)) == drawn == copy.deepcopy(drawn)
