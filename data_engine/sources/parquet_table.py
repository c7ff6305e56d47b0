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
            split, table = _split_of(file), self._opened(file)
            names = table.schema_arrow.names
            if split is not None and self.columns.split not in names and not self.wants(split):
                continue
            classes = _class_names(table.schema_arrow.metadata)
            folder = file.parent if self.pictures is None else self.pictures
            rows = (
                row
                for batch in table.iter_batches(BATCH, columns=self.columns.used(names))
                for row in batch.to_pylist()
            )
            for number, row in enumerate(rows, 1):
                yield self.item(row, classes, Place(file, number, folder, split), out)

    def _opened(self, path: Path) -> Any:
        """The parquet file, with the columns that the recipe names."""
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise FaceLLMError("parquet needs pyarrow; run: pip install 'facellm[data]'") from None
        try:
            table = parquet.ParquetFile(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise FaceLLMError(f"{path} is no parquet file: {str(error)[:120]}") from None
        names = table.schema_arrow.names
        missing = [column for column in self.columns.named() if column not in names]
        if missing:
            raise FaceLLMError(
                f"{path.name} lacks the columns {', '.join(missing)}; it has {', '.join(names)}"
            )
        return table


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
