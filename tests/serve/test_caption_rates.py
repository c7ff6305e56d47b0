"""The comparison of ways to caption: each does all of its own pictures, and the table is whole."""

from functools import partial
from pathlib import Path

import pytest

from serve.caption_rates import WARM, by_caption, by_transformers, write_pictures

pytest.importorskip("skimage")


def test_no_picture_comes_twice(tmp_path: Path) -> None:
    folders = [
        write_pictures(tmp_path / way, 5, number) for way in ("naive", "vllm") for number in (1, 2)
    ]
    contents = [path.read_bytes() for folder in folders for path in folder.iterdir()]
    assert len(contents) == len(set(contents)) == 20


@pytest.mark.slow
def test_a_round_captions_all_of_its_pictures(tmp_path: Path) -> None:
    from pyarrow import parquet

    from facellm.model import debug_checkpoint

    model = debug_checkpoint(tmp_path / "model")
    work = by_caption(tmp_path / "transformers", 6, partial(by_transformers, model), None)
    assert work(0)().items == WARM
    assert work(1)().items == 6
    table = parquet.read_table(tmp_path / "transformers" / "round 1.parquet")
    assert table.num_rows == 6 and set(table.column("error").to_pylist()) <= {"", None}
