"""`facellm caption --executor ray` on a real Ray of this machine: the same table, kill or not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from captioning import write_clip, write_pictures
from PIL import Image

from facellm.batch import cluster
from facellm.batch.cluster import blocks
from facellm.batch.inputs import Inputs
from facellm.model import debug_checkpoint

pytest.importorskip("av", reason="PyAV is not installed")


def test_blocks_keep_the_order_and_stay_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_pictures(tmp_path / "in", 9)
    (folder / "00004.png").write_bytes(b"x" * 1000)
    monkeypatch.setattr(cluster, "ITEMS", 3)
    monkeypatch.setattr(cluster, "BYTES", 900)
    items = list(Inputs([str(folder)]))
    made = list(blocks(items))
    assert [item for block in made for item in block] == items
    assert max(map(len, made)) == 3
    assert [len(block) for block in made if items[4] in block] == [1], "more than all it may have"


def line(folder: Path, model: Path, out: Path, *more: str) -> list[str]:
    start = [sys.executable, "-c", "from facellm.cli import main; main()", "caption", str(folder)]
    return [*start, "--out", str(out), "--model", str(model), *more]


RAY = ("--executor", "ray", "--workers", "2")


def run(line: list[str]) -> str:
    done = subprocess.run(line, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_cluster_writes_what_one_process_writes(tmp_path: Path, astronaut: Image.Image) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    folder = write_pictures(tmp_path / "in", 290)  # more than a block
    (folder / "00007.png").write_bytes(b"damaged")
    astronaut.crop((100, 0, 356, 256)).save(folder / "00280b.png")
    write_clip(folder / "00285b.mkv", 12)
    model = debug_checkpoint(tmp_path / "model")
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    run(line(folder, model, here))

    process = subprocess.Popen(
        line(folder, model, there, *RAY), stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 300
        while not list(tmp_path.glob("there.parquet.parts/b*/*.arrow")):
            assert process.poll() is None, "the job ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not there.exists()
    said = run(line(folder, model, there, *RAY))

    assert "294 rows, 1 faces" in said and "1 could not be read" in said
    pd.testing.assert_frame_equal(
        pd.read_parquet(there), pd.read_parquet(here), check_exact=False, atol=1e-4
    )
    assert not there.with_name("there.parquet.parts").exists()
    assert "finished before" in run(line(folder, model, there, *RAY))
    other = subprocess.run(
        line(folder, model, there), capture_output=True, text=True, check=False, timeout=100
    )
    assert other.returncode == 2 and "executor 'ray' there, 'local' now" in other.stderr
