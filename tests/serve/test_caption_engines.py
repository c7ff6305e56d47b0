"""Captions by a server, and what happens when it goes."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from facellm.batch.command import Choices, run
from facellm.core.errors import FaceLLMError
from serve.batch import ServerCaptioner
from serve.client import ServerDown, ServerReader

pytest.importorskip("vllm")


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
