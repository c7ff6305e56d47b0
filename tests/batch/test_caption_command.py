"""`facellm caption` as people type it: bad options in one line, and a real model end to end."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from captioning import write_pictures
from PIL import Image
from scripted import write_stub_checkpoint
from typer.testing import CliRunner

from facellm import cli


def run(*line: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.app, ["caption", *(str(part) for part in line)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture()
def model(tmp_path: Path) -> Path:
    return write_stub_checkpoint(tmp_path / "stub")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["{in}", "--out", "{tmp}/a.xlsx"], "expected .parquet or .csv"),
        (["{in}", "--out", "{tmp}/gone/a.csv"], "create it first"),
        (["{in}", "--out", "{tmp}"], "names no format"),
        (["{tmp}/gone", "--out", "{tmp}/a.csv"], "no such file or folder"),
        (
            ["{in}", "--out", "{tmp}/a.csv", "--sample", "often"],
            "one of uniform, change, peaks",
        ),
        (["{in}", "--out", "{tmp}/a.csv", "--fps", "0"], "expected a rate above 0"),
        (["{in}", "--out", "{tmp}/a.csv", "--engine", "magic"], "known: transformers, vllm"),
        (["{in}", "--out", "{tmp}/a.csv", "--executor", "slurm"], "expected local or ray"),
        (["{in}", "--out", "{tmp}/a.csv", "--finder", "magic"], "known: builtin, mediapipe"),
        (["{in}", "--out", "{tmp}/a.csv", "--model", "{tmp}/gone"], "no model folder"),
        (["{in}", "--out", "{tmp}/a.csv", "--server", "http://127.0.0.1:9"], "no answer from"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, model: Path, line: list[str], said: str) -> None:
    places = {"in": write_pictures(tmp_path / "in", 2), "tmp": tmp_path}
    named = [part.format(**places) for part in line]
    if "--model" not in named and "--server" not in named:
        named += ["--model", str(model)]
    code, out, err = run(*named)
    assert code == 2 and out == ""
    assert said in err and err.count("\n") == 1 and "Traceback" not in err
    assert not list(tmp_path.glob("a.csv*"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_real_model_a_real_finder_and_two_processes(
    tmp_path: Path, astronaut: Image.Image
) -> None:
    from facellm.model import debug_checkpoint

    folder = tmp_path / "in"
    folder.mkdir()
    astronaut.save(folder / "a.jpg")
    Image.new("RGB", (300, 200), (90, 120, 90)).save(folder / "b.png")
    (folder / "c.jpg").write_bytes(b"no picture")
    checkpoint = debug_checkpoint(tmp_path / "debug")
    line = [sys.executable, "-m", "facellm.cli", "caption", str(folder), "--model", str(checkpoint)]
    out = tmp_path / "out.csv"
    done = subprocess.run([*line, "--out", str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1 could not be read" in done.stdout
    table = pd.read_csv(out)
    assert [Path(name).name for name in table["input"]] == ["a.jpg", "b.png", "c.jpg"]
    assert table["face"].tolist()[0] == 1 and table["face"].isna().tolist() == [False, True, True]
    assert table["model"][0] == "facellm-debug" and table["anger"].notna()[0]
    again = subprocess.run([*line, "--out", str(out)], capture_output=True, text=True)
    assert "finished before" in again.stdout
    other = subprocess.run([*line, "--out", str(out), "--fps", "3"], capture_output=True, text=True)
    assert other.returncode == 2 and "fps '2.0' there, '3.0' now" in other.stderr
