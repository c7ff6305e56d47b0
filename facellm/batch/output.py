"""The finished table, the errors beside it, and a summary that says what made them.

captions.parquet               the table
captions.parquet.errors.csv    input, frame, time, face, kind, reason
captions.parquet.json          settings and counts; written last, so that it marks the end
"""

import csv
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from facellm.batch.parts import SCHEMA, Parts, replacing

Format = Literal["parquet", "csv"]
ROWS = 4096
"""Of one row group: does not depend on the parts, so the file is the same after any resume."""


def beside(out: Path, ending: str) -> Path:
    """The file of this ending that goes with the table."""
    return out.with_name(out.name + ending)


def write_table(parts: Sequence[Parts], out: Path, kind: Format) -> None:
    """Put the parts together, one folder of them after the other, a row group at a time."""
    with replacing(out) as new:
        if kind == "csv":
            with arrow_csv.CSVWriter(new, SCHEMA) as writer:
                for table in _regrouped(parts):
                    writer.write_table(table)
            return
        with parquet.ParquetWriter(new, SCHEMA, compression="zstd") as writer:
            for table in _regrouped(parts):
                writer.write_table(table, row_group_size=ROWS)


def _regrouped(parts: Sequence[Parts]) -> Iterator[Any]:
    waiting = SCHEMA.empty_table()
    for table in _tables(parts):
        waiting = pa.concat_tables([waiting, table])
        while len(waiting) >= ROWS:
            yield waiting.slice(0, ROWS)
            waiting = waiting.slice(ROWS).combine_chunks()
    if len(waiting):
        yield waiting


def _tables(parts: Sequence[Parts]) -> Iterator[Any]:
    return chain.from_iterable(one.rows() for one in parts)


def write_errors(parts: Sequence[Parts], out: Path) -> None:
    """List what could not be read (`error`), and answers that could not (`warning`)."""
    names = ["input", "frame", "time", "face"]
    with replacing(out) as new, new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "kind", "reason"])
        for table in _tables(parts):
            for row in table.select([*names, "error", "warning"]).to_pylist():
                where = ["" if row[name] is None else row[name] for name in names]
                for kind in ("error", "warning"):
                    if row[kind] is not None:
                        writer.writerow([*where, kind, row[kind]])


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a small file whole."""
    with replacing(path) as new:
        new.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read it again; empty where it is not there or not ours."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
