"""Tables of predictions as tools write them: csv, jsonl, json, parquet, or a folder of csv files.

Nested JSON becomes columns with dots (`emotion.happy`). Where the name of a picture is not in the
rows but in the name of the file (OpenFace writes `IMAGE.csv`) or in a key (`{"a.jpg": [faces]}`),
it is put into the column `file`.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from facellm.core.errors import FaceLLMError, given

FILE = "file"


class Row(NamedTuple):
    """One row of a table."""

    number: int
    """Its line in the file, or its place from 1."""
    where: str
    """File and number, for messages."""
    cells: dict[str, Any]


def read_table(path: Path) -> list[Row]:
    """Read all rows.

    Raises:
        FaceLLMError: a file that is missing or cannot be read, or a folder without csv files.
    """
    if path.is_dir():
        files = sorted(path.glob("*.csv"))
        if not files:
            raise FaceLLMError(f"no csv file in {path}; expected one a picture")
        return [
            row._replace(cells={FILE: file.stem, **row.cells})
            for file in files
            for row in read_table(file)
        ]
    if not path.is_file():
        raise FaceLLMError(
            f"no predictions {given(path)}; expected a csv, jsonl, json or parquet file, "
            "or a folder of csv files"
        )
    first = 2 if path.suffix == ".csv" else 1
    cells = _json(path) if path.suffix in (".jsonl", ".json") else _frame(path)
    return [Row(n, f"{path}:{n}", row) for n, row in enumerate(cells, first)]


def number(value: Any) -> float | None:
    """A cell as a number; None where it is empty or NaN.

    Raises:
        ValueError: a cell that holds something else.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    found = float(value)
    return None if math.isnan(found) else found


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as columns with dots; lists stay as they are."""
    out: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            out |= flat(inner, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = inner
    return out


def _json(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        try:
            return list(_objects(json.loads(text), path))
        except json.JSONDecodeError:
            pass  # one object a line, under the other name
    rows: list[dict[str, Any]] = []
    for n, line in enumerate(text.splitlines(), 1):
        try:
            rows += _objects(json.loads(line), path)
        except json.JSONDecodeError as error:
            raise FaceLLMError(f"{path}:{n} is not JSON: {error}") from None
    return rows


def _objects(value: Any, path: Path, name: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows in a JSON value: an object, (lists of) lists of them, or picture → objects."""
    if isinstance(value, list):
        for inner in value:
            yield from _objects(inner, path, name)
    elif not isinstance(value, dict):
        raise FaceLLMError(f"{path} holds {given(value)} where a row is expected: a JSON object")
    elif name is None and value and all(map(_is_faces, value.values())):
        for key, inner in value.items():
            yield from _objects(inner, path, key)
    else:
        yield flat(value) if name is None else {FILE: name, **flat(value)}


def _is_faces(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(inner, dict) for inner in value)


def _frame(path: Path) -> list[dict[str, Any]]:
    import pandas

    try:
        if path.suffix == ".parquet":
            table = pandas.read_parquet(path)
        else:
            table = pandas.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise FaceLLMError(f"cannot read {given(path)}: {error}") from None
    table.columns = [str(column).strip() for column in table.columns]  # OpenFace pads its names
    return [dict(row) for row in table.to_dict("records")]
