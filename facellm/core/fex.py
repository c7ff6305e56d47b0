"""Reports as a table: one row a face a frame, with the column names of py-feat's `Fex`.

    input, frame, time, face, track        where the row comes from
    FaceRectX … FaceScore, x_0 … y_67      the box and the 68 points, pixels
    Pitch, Roll, Yaw                       radians; empty: the reader does not ask for them
    AU01 …                                 py-feat's 20 units: 1 where stated as present, else 0
    AU01_r …, AU01_c …                     as OpenFace: intensity 0-5; 1 from slight (2) on
    anger … contempt                       probabilities, sum 1
    expression, text, evidence, answers    in words; the last two are JSON
    width, height, finder, model, warning, error

The model states units with an intensity or not at all and writes no probabilities, so a column such
as `AU12` holds a decision, as with py-feat's `svm` detector. A value is empty, not 0, where nothing
is known. A picture without a face, or one that could not be read, is a row of its own.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError
from facellm.core.facs import ACTION_UNITS, PRESENT, PROTOCOLS
from facellm.core.regions import N_POINTS
from facellm.core.report import FaceReading, FaceReport

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
RECT = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore")
POSE = ("Pitch", "Roll", "Yaw")
PROBABLE = PROTOCOLS["pyfeat20"].units
DIGITS = 6
"""Of a probability; more would only be noise in a file."""


def _columns() -> dict[str, type]:
    floats = [*RECT]
    floats += [f"{axis}_{n}" for axis in "xy" for n in range(N_POINTS)]
    floats += [*POSE, *(f"AU{n:02d}" for n in PROBABLE)]
    floats += [f"AU{n:02d}_r" for n in ACTION_UNITS]
    floats += [f"AU{n:02d}_c" for n in ACTION_UNITS]
    floats += EMOTIONS
    said = ("expression", "text", "evidence", "answers")
    return {
        "input": str, "frame": int, "time": float, "face": int, "track": int,
        **dict.fromkeys(floats, float), **dict.fromkeys(said, str),
        "width": int, "height": int, "finder": str, "model": str, "warning": str, "error": str,
    }  # fmt: skip


COLUMNS = _columns()
"""Column → type of its values, in the order of the table; every value may be missing."""


def rows_of(
    report: FaceReport, source: str = "", frame: int = 0, time: float | None = None
) -> list[Row]:
    """The rows of one picture or frame, one a face, or one without a face.

    Args:
        report: what was read.
        source: the picture or clip, for the column `input`.
        frame: number of the frame in its clip, from 0.
        time: seconds from the clip's start.
    """
    about = {
        "input": source, "frame": frame, "time": time, "width": report.width,
        "height": report.height, "finder": report.finder, "model": report.model,
    }  # fmt: skip
    if not report.faces:
        return [_row(about)]
    return [_row({**about, **_of_face(face, report.warnings)}) for face in report.faces]


def error_row(source: str, error: str, frame: int = 0, time: float | None = None) -> Row:
    """The row of a picture or frame that could not be read."""
    return _row({"input": source, "frame": frame, "time": time, "error": error})


def _row(known: Row) -> Row:
    return {name: known.get(name) for name in COLUMNS}


def _of_face(face: FaceReading, warnings: Iterable[str]) -> Row:
    x0, y0, x1, y1 = face.box
    start = f"face {face.index}: "
    evidence = [line.model_dump() for line in face.evidence]
    warned = [line.removeprefix(start) for line in warnings if line.startswith(start)]
    row: Row = {
        "face": face.index,
        "track": face.track,
        **dict(zip(RECT, (x0, y0, round(x1 - x0, 2), round(y1 - y0, 2), face.confidence),
                   strict=True)),
        **{f"{axis}_{n}": point[at] for at, axis in enumerate("xy")
           for n, point in enumerate(face.points)},
        **{name: round(share, DIGITS) for name, share in face.expression.probabilities.items()},
        "expression": face.expression.label,
        "text": face.text,
        "evidence": json.dumps(evidence, ensure_ascii=False),
        "answers": json.dumps(face.answers, ensure_ascii=False),
        "warning": "; ".join(warned) or None,
    }  # fmt: skip
    return row | _units(face)


def _units(face: FaceReading) -> Row:
    """A unit that is not stated is 0, unless the answer that would state it could not be read."""
    otherwise = None if "action_units" in face.unread else 0.0
    row: Row = {}
    for number in ACTION_UNITS:
        value = face.action_units.get(f"AU{number}", otherwise)
        present = None if value is None else float(value >= PRESENT)
        row |= {f"AU{number:02d}_r": value, f"AU{number:02d}_c": present}
        if number in PROBABLE:
            row[f"AU{number:02d}"] = present
    return row


def table(rows: list[Row]) -> "pd.DataFrame":
    """Rows as a data frame; missing values are NaN, or NA in a column of whole numbers.

    Raises:
        FaceLLMError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise FaceLLMError("tables need pandas: pip install 'facellm[data]'") from None
    kinds = {str: "object", int: "Int64", float: "float64"}
    return pd.DataFrame(
        {
            name: pd.Series([row[name] for row in rows], dtype=kinds[kind])
            for name, kind in COLUMNS.items()
        }
    )
