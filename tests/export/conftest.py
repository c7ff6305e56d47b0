"""Small corpora: rows about little pictures that lie in a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from data_engine.row import Making, Message, Part, Row
from facellm.core.sample import FaceLabels, Provenance

MakeRow = Callable[..., Row]

RENDERED = Provenance(
    source="procedural rig",
    licence="Apache-2.0",
    subject_id="rig-1",
    consent="rendered, no person is shown",
)
PHOTO = Provenance(source="press", licence="research use", subject_id="press-7")
SMILE = FaceLabels(
    emotion="happiness",
    action_units={6: 2.6, 12: 4.0, 4: 0.0},
    groups={"age band": "adult"},
    weak=frozenset({"emotion", "action_units"}),
)


def said(role: str, *parts: Part | str) -> Message:
    content = [Part(type="text", text=p) if isinstance(p, str) else p for p in parts]
    return Message.model_validate({"role": role, "content": content})


IMAGE = Part(type="image")


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
                usage={"total_tokens": 7},
                finish_reason="stop",
                attempts=2,
                agreement=0.5,
            ),
        )
        return Row.model_validate(fields | changes)

    return make
