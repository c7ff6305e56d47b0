"""What an export is asked for."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from facellm.core.sample import Record

Form = Literal["chat", "rl", "sharegpt"]


class ExportOptions(Record):
    """Options of an export; their names are those of the recipe."""

    out: Path | None = None
    """Folder to write; `export` in the run's folder if not given."""
    name: str = Field(default="facellm", pattern=r"^[\w.-]+$")
    """Of the dataset, in the card and in `dataset_info.json`."""
    forms: tuple[Form, ...] = Field(default=("chat", "sharegpt"), min_length=1)
    """`chat`: parquet with messages and everything about their making; `rl`: parquet with prompt
    and truth as TRL takes them; `sharegpt`: jsonl for LLaMA-Factory and ms-swift."""
    pictures: Literal["embed", "paths"] = "embed"
    """In parquet: the files themselves, or their absolute paths, which work on one machine only."""
    shard_megabytes: int = Field(default=400, ge=1)
    """Size of a parquet file, about."""
    gallery_rows: int = Field(default=20, ge=0)
    """Rows in the picture to check by eye; 0 draws none."""
    gallery_of_photos: bool = False
    """Show photographs and videos of people in that picture, which travels with the card. Only
    where licence and consent allow it; rendered faces are always shown. (The parquet files hold
    all pictures.)"""
    baseline: Path | None = None
    """Folder of another run whose answers the lexical diversity is compared with."""
    seed: int = 0
    """Of the choice of rows for gallery and diversity."""
    overwrite: bool = False
    """Replace a finished export in `out`."""
