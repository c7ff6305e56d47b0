"""Captions by vLLM's offline engine and by a server are those of transformers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from facellm.batch.command import Choices, run
from facellm.checkpoint import SHIPPED
from facellm.core.errors import FaceLLMError
from serve.batch import ServerCaptioner
from serve.client import ServerDown, ServerReader

pytest.importorskip("vllm")
SCRIPT = Path(__file__).with_name("offline_reports.py")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not (SHIPPED / "config.json").is_file(), reason="no shipped weights")
def test_offline_engine_reads_as_transformers_does(tmp_path: Path) -> None:
    # Random weights would not do: over answers of full length their near-ties fall either way.
    out = tmp_path / "out.json"
    line = [sys.executable, str(SCRIPT), str(SHIPPED), str(out)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    read: dict[str, Any] = json.loads(out.read_text())
    reports = read["reports"]
    assert len(read["clip"]["vllm"]) > 20
    assert read["clip"]["vllm"] == read["clip"]["transformers"]  # a request of several pictures
    assert [len(one["faces"]) > 0 for one in reports["vllm"]] == [True, False, True]
    for ours, theirs in zip(reports["vllm"], reports["transformers"], strict=True):
        for mine, other in zip(ours["faces"], theirs["faces"], strict=True):
            assert mine["answers"] == other["answers"]
            likely = mine["expression"].pop("probabilities")
            assert likely == pytest.approx(other["expression"].pop("probabilities"), abs=1e-4)
            assert mine == other


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_captions_a_folder(server: Any, astronaut: Image.Image, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(6):
        astronaut.crop((10 * n, 0, 512, 400)).save(folder / f"{n}.png")
    (folder / "bad.png").write_bytes(b"no picture")
    choices = Choices(
        inputs=[str(folder)], out=tmp_path / "out.parquet", format=None, limit=None, column=None,
        fps=2.0, sample="uniform", overwrite=False, model=None, finder="builtin",
        finder_model=None, engine="transformers",
    )  # fmt: skip
    reader = ServerReader(server.url)
    told = run(choices, lambda: ServerCaptioner(reader, 4), reader.model)
    assert "1 could not be read" in told
    table = pd.read_parquet(tmp_path / "out.parquet")
    for n in range(6):
        rows = table[table["input"].str.endswith(f"/{n}.png")]
        report = reader.describe(folder / f"{n}.png")
        assert rows["FaceRectX"].tolist() == [face.box[0] for face in report.faces]
        assert rows["text"].tolist() == [face.text for face in report.faces]
    assert table["error"].notna().sum() == 1


def test_a_server_that_is_gone_stops_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.batch.PAUSES", (0.0, 0.01))
    captioner = ServerCaptioner(ServerReader("http://127.0.0.1:9"), 2)
    with pytest.raises(ServerDown, match="no answer"):
        captioner.describe([captioner.look(Image.new("RGB", (9, 9)))])
    with pytest.raises(FaceLLMError, match="not an image"):
        captioner.look(b"nothing")
