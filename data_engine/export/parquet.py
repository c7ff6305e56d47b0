"""Parquet files of bounded size, one series a split, written row group by row group."""

from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from data_engine.export.columns import Cells

SPLITS = {"train": "train", "val": "validation", "test": "test"}
"""Our names and those people know from `datasets`."""
_GROUP_ROWS = 1000
_GROUP_BYTES = 32 << 20
"""A row group is written at whichever comes first; it bounds the memory."""
_DICTIONARY_BYTES = 64 << 20
"""Rows of one picture lie close together: stored as a dictionary, it is in the file only once a
row group."""
_AS_DICTIONARY = [
    "images.list.element.bytes", "images.list.element.path", "messages.list.element.role",
    "task", "source", "licence", "consent", "writer", "teacher", "subject_id", "dataset",
]  # fmt: skip


class ParquetShards:
    """Writes records into `folder/SPLIT-00000-of-00008.parquet`."""

    def __init__(self, folder: Path, schema: pa.Schema, shard_bytes: int) -> None:
        """Write shards of about `shard_bytes`; `folder` is made, and must be empty."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._schema = schema
        self._shard_bytes = shard_bytes
        self._series: dict[str, _Series] = {}

    def add(self, split: str, record: Cells) -> None:
        """Take one record."""
        if split not in self._series:
            start = f"{self._folder}/{SPLITS[split]}"
            self._series[split] = _Series(start, self._schema, self._shard_bytes)
        self._series[split].add(record)

    def close(self) -> dict[str, int]:
        """Finish the files and give them their final names; returns the rows of each split."""
        return {split: series.close() for split, series in self._series.items()}


class _Series:
    """The shards of one split; how many there are is known only at the end."""

    def __init__(self, start: str, schema: pa.Schema, shard_bytes: int) -> None:
        self._start = start
        self._schema = schema
        self._shard_bytes = shard_bytes
        self._waiting: list[Cells] = []
        self._waiting_bytes = 0
        self._file: BinaryIO | None = None
        self._writer: pq.ParquetWriter | None = None
        self._parts: list[Path] = []
        self._rows = 0

    def add(self, record: Cells) -> None:
        self._waiting.append(record)
        self._waiting_bytes += sum(len(p["bytes"] or b"") for p in record["images"])
        self._rows += 1
        if len(self._waiting) >= _GROUP_ROWS or self._waiting_bytes >= _GROUP_BYTES:
            self._write_group()

    def close(self) -> int:
        self._write_group()
        self._close_file()
        for number, part in enumerate(self._parts):
            part.rename(f"{self._start}-{number:05d}-of-{len(self._parts):05d}.parquet")
        return self._rows

    def _write_group(self) -> None:
        if not self._waiting:
            return
        if self._writer is None:
            self._open_file()
        assert self._writer is not None and self._file is not None
        self._writer.write_table(pa.Table.from_pylist(self._waiting, self._schema))
        self._waiting, self._waiting_bytes = [], 0
        if self._file.tell() >= self._shard_bytes:
            self._close_file()

    def _open_file(self) -> None:
        self._parts.append(Path(f"{self._start}-{len(self._parts):05d}.parquet.part"))
        self._file = self._parts[-1].open("wb")
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            use_dictionary=_AS_DICTIONARY,
            dictionary_pagesize_limit=_DICTIONARY_BYTES,
        )

    def _close_file(self) -> None:
        if self._writer is not None and self._file is not None:
            self._writer.close()
            self._file.close()
        self._writer = self._file = None
