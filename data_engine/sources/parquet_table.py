"""A table of pictures as parquet: one file, or a folder of shards as on the hub.

    path/data/train-00000-of-00002.parquet      image: {bytes, path}, label: class number or word

The split of a shard is the first word of its name or the name of its folder, where that is a
split; a column of splits goes before it. Class numbers are named by what `datasets` wrote into the
file; without that, `aliases` names them. Rows are read in batches: a shard may be larger than
memory.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_engine.sources.embedded import Embedded, Names, Place
from data_engine.sources.generic import SPLIT_WORDS
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError
from facellm.core.splits import Split

BATCH = 64
"""Rows held at a time, pictures included."""


class Parquet(Embedded):
    """Samples of parquet files; `path` is a file or a folder."""

    name = "parquet"

    pictures: Path | None = None
    """Folder that pictures given as a path are relative to; null takes each file's folder."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the rows shard by shard."""
        files = [self.path] if self.path.is_file() else sorted(self.path.rglob("*.parquet"))
        if not files:
            raise FaceLLMError(f"no parquet file in {self.path}; expected at least one")
        for file in files:
            split = _split_of(file)
            if split is None or self.columns.split or self.wants(split):
                names, rows = self._rows(file)
                folder = file.parent if self.pictures is None else self.pictures
                for number, row in enumerate(rows, 1):
                    yield self.item(row, names, Place(file, number, folder, split), out)

    def _rows(self, path: Path) -> tuple[Names, Iterator[dict[str, Any]]]:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise FaceLLMError("parquet needs pyarrow; run: pip install 'facellm[data]'") from None
        try:
            file = parquet.ParquetFile(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise FaceLLMError(f"{path} is no parquet file: {str(error)[:120]}") from None
        schema = file.schema_arrow
        missing = [column for column in self.columns.named() if column not in schema.names]
        if missing:
            raise FaceLLMError(
                f"{path.name} lacks the columns {', '.join(missing)}; it has "
                f"{', '.join(schema.names)}"
            )
        batches = file.iter_batches(BATCH, columns=self.columns.used(schema.names))
        return _class_names(schema.metadata), (row for part in batches for row in part.to_pylist())


def _split_of(file: Path) -> Split | None:
    word = re.split(r"[-_.]", file.stem)[0]
    return SPLIT_WORDS.get(word.lower()) or SPLIT_WORDS.get(file.parent.name.lower())


def _class_names(metadata: dict[bytes, bytes] | None) -> Names:
    """The names of classes that `datasets` keeps in a parquet file's metadata."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: feature["names"]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError):
        return {}
