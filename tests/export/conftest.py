"""Small corpora: rows about little pictures that lie in a folder."""

from pathlib import Path
from typing import Any

import pytest
from little_corpora import IMAGE, RENDERED, SMILE, MakeRow, said
from PIL import Image

from data_engine.row import Making, Row

# Slow to import: here they are not on the account of the first test.
for package in ("pyarrow.parquet", "matplotlib.figure", "huggingface_hub", "sacrebleu"):
    pytest.importorskip(package, reason="the export needs: pip install 'facellm[data,eval]'")


@pytest.fixture
def make_row(tmp_path: Path) -> MakeRow:
    """Makes rows with pictures on disk; keyword arguments replace fields."""
    (tmp_path / "images").mkdir()

    def make(n: int = 0, **changes: Any) -> Row:
        name = f"images/{n}.jpg"
        Image.new("RGB", (16, 12), (40 * n % 256, 99, 30)).save(tmp_path / name)
        fields: dict[str, Any] = dict(
            id=f"row{n}",
            sample_ids=[f"sample{n}"],
            images=[name],
            messages=[
                said("user", IMAGE, f"What does face {n} show, and why?"),
                said("assistant", f"Raised corners (AU12) show happiness, case {n}."),
            ],
            task="reasoning",
            truth={"emotion": "happiness"},
            facts=[SMILE],
            weak=True,
            provenance=RENDERED.model_copy(update={"subject_id": f"rig-{n}"}),
            split="train",
            making=Making(
                writer="exp_cot",
                teacher="tiny",
                prompt_hash="ab12",
                raw_output="raw",
                usage={"prompt_tokens": 5, "completion_tokens": 2},
                finish_reason="stop",
                attempts=2,
                agreement=0.5,
            ),
        )
        return Row.model_validate(fields | changes)

    return make
