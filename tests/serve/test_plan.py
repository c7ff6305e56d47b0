"""The plan for many pictures: its arithmetic by hand, and what it measures on real ones."""

from pathlib import Path

import pytest
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.faces import load_finder
from facellm.model import debug_checkpoint
from facellm.reader import FaceReader
from serve.plan import Cost, cost, plan, storage

ON_CPU = Cost(
    pictures=10, picture_bytes=200_000, decode_ms=10, find_ms=30, faces=2, model_ms=100,
    on_gpu=False, tokens=120, pack_ms=5, row_bytes=3000,
)  # fmt: skip


def test_days_on_cores() -> None:
    # 10 + 30 + 2 · 100 + 2 · 5 = 250 ms: 4 pictures a core and second, 256 with 64 cores.
    one, ten, hundred = plan(ON_CPU, 100_000_000, cores=64, gpus=8)
    assert (one["pictures_per_second"], one["days"]) == (256, 4.52)  # 1e8 / 256 / 86,400
    assert (ten["days"], hundred["days"]) == (0.45, 0.05)
    assert one["megabytes_read_per_second"] == 51.2
    assert (one["held_up_by"], one["gpus"], hundred["cores"]) == ("cores", 0, 6400)
    assert storage(ON_CPU, 100_000_000) == {"pictures_gb": 20_000, "table_gb": 600}


def test_days_on_gpus() -> None:
    # 50 ms of a core: 64 of them do 1,280 pictures a second; a GPU does 1000 / (2 · 10) = 50.
    gpu = ON_CPU._replace(on_gpu=True, model_ms=10)
    assert [row["held_up_by"] for row in plan(gpu, 1000, cores=64, gpus=8)] == ["GPUs"] * 3
    assert plan(gpu, 1000, cores=64, gpus=8)[0]["pictures_per_second"] == 400
    small = plan(gpu, 1000, cores=8, gpus=8)[0]
    assert (small["pictures_per_second"], small["held_up_by"]) == (160, "cores")


def test_a_picture_without_a_face_is_a_row() -> None:
    assert storage(ON_CPU._replace(faces=0.5), 1_000_000)["table_gb"] == 3


@pytest.mark.slow
def test_every_step_is_measured(tmp_path: Path, astronaut: Image.Image) -> None:
    from facellm.engine import TransformersEngine

    photos = []
    for number in range(3):
        photos.append(tmp_path / f"{number}.png")
        astronaut.rotate(number).save(photos[-1])
    engine = TransformersEngine(debug_checkpoint(tmp_path / "model"))
    reader = FaceReader(engine, load_finder())
    one = cost(photos, reader, 16, on_gpu=False)
    assert one.pictures == 3 and one.faces == 1
    assert one.picture_bytes == pytest.approx(sum(p.stat().st_size for p in photos) / 3)
    measured = (one.decode_ms, one.find_ms, one.model_ms, one.pack_ms, one.tokens, one.row_bytes)
    assert all(value > 0 for value in measured)
    blank = tmp_path / "blank.png"
    Image.new("RGB", (64, 64)).save(blank)
    with pytest.raises(FaceLLMError, match="no face in any of the pictures"):
        cost([blank], reader, 16, on_gpu=False)
