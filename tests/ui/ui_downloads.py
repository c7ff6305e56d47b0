"""What the page lets one save."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from facellm.core.fex import COLUMNS


def downloaded(page: Any, button: str) -> tuple[str, str]:
    with page.expect_download() as waiting:
        page.click(button)
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_text(encoding="utf-8")


def check_rows(text: str, expected: list[dict[str, Any]]) -> None:
    """A CSV equals the rows that `facellm caption` would write."""
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert list(row) == list(COLUMNS)
        for name, kind in COLUMNS.items():
            value = wanted[name]
            if value is None:
                assert row[name] == "", name
            elif name in ("evidence", "answers"):
                assert json.loads(row[name]) == json.loads(value)
            elif kind is str:
                assert row[name] == value
            else:
                assert float(row[name]) == pytest.approx(value, abs=1e-6), name
