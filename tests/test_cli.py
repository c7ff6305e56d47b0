"""The commands: what they print, and that every mistake is one line and exit code 2."""

import json
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image
from scripted import ScriptedEngine, write_stub_checkpoint
from typer.testing import CliRunner

import facellm.environment
import facellm.reader
from facellm import FaceReport, cli
from facellm.faces import GivenFinder
from facellm.reader import FaceReader

GRID = np.stack(np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 4)), -1).reshape(-1, 2)
FACES = [GRID * 20 + (10, 10), GRID * 20 + (60, 10)]


def header_of_png(width: int, height: int) -> bytes:
    """A PNG that claims a size; its pixels never come."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture()
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    noise = np.random.default_rng(0).integers(0, 255, (60, 100, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture()
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands with a scripted model; the pictures hold two faces."""
    monkeypatch.setattr(
        facellm.reader, "load", lambda *_: FaceReader(ScriptedEngine(), GivenFinder(FACES))
    )


def run(*line: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.app, [str(part) for part in line])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def refused(*line: object) -> str:
    """The one line that a mistake is answered with."""
    code, out, err = run(*line)
    assert code == 2
    assert out == ""
    assert err.startswith("facellm: ") and err.endswith("\n") and err.count("\n") == 1
    assert "Traceback" not in err
    return err


def test_describe_prints_a_summary(scripted: None, photo: Path) -> None:
    code, out, _ = run("describe", photo)
    assert code == 0
    for said in ("2 faces", "Face 1: happiness 65%", "AU12", "Lip Corner Puller", "(AU6, slight)"):
        assert said in out


def test_describe_prints_a_valid_report(scripted: None, photo: Path) -> None:
    code, out, _ = run("describe", photo, "--json")
    assert code == 0
    jsonschema.validate(json.loads(out), FaceReport.model_json_schema())
    assert len(json.loads(out)["faces"]) == 2


def test_describe_writes_the_annotated_picture(scripted: None, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "seen.jpg"
    code, _, err = run("describe", photo, "--out", out)
    assert code == 0 and "wrote" in err
    with Image.open(out) as drawn:
        assert drawn.width > 500


def test_describe_without_a_face_says_so(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        facellm.reader, "load", lambda *_: FaceReader(ScriptedEngine(), GivenFinder())
    )
    assert "no face" in run("describe", photo)[1]
    code, out, _ = run("describe", photo, "--json")
    assert code == 0 and json.loads(out)["faces"] == []


def test_ask_prints_the_answer(scripted: None, photo: Path) -> None:
    code, out, _ = run("ask", photo, "Is it a smile?", "--face", 2)
    assert (code, out) == (0, "It is a smile.\n")


def test_ask_about_a_face_that_is_not_there(scripted: None, photo: Path) -> None:
    assert "no face 4: 2 faces were found" in refused("ask", photo, "Why?", "--face", 4)


@pytest.mark.parametrize("command", [["describe"], ["ask", "Why?"]])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such image file"),
        (b"", "empty (0 bytes)"),
        (b"hello", "not an image"),
        ("truncated", "truncated or damaged"),
        (header_of_png(40_000, 40_000), "too large"),
    ],
)
def test_bad_pictures(
    command: list[str], content: bytes | str | None, said: str, photo: Path
) -> None:
    if content is None:
        photo.unlink()
    elif isinstance(content, bytes):
        photo.write_bytes(content)
    else:
        photo.write_bytes(photo.read_bytes()[:4000])
    assert said in refused(command[0], photo, *command[1:])


@pytest.mark.parametrize("out", ["no_such_folder/a.png", "a.nonsense", "folder_that_is.png"])
def test_places_that_cannot_be_written(
    scripted: None, photo: Path, tmp_path: Path, out: str
) -> None:
    (tmp_path / "folder_that_is.png").mkdir()
    refused("describe", photo, "--out", tmp_path / out)


def test_unreadable_checkpoints(photo: Path, tmp_path: Path) -> None:
    for command in (["describe", photo], ["ask", photo, "Why?"], ["serve", "--port", 1]):
        assert "config.json" in refused(*command, "--model", tmp_path)
        assert "no model folder" in refused(*command, "--model", tmp_path / "nowhere")


def test_finders_that_are_not_there(photo: Path, tmp_path: Path) -> None:
    stub = write_stub_checkpoint(tmp_path / "stub")
    for command in (["describe", photo], ["serve", "--port", 1]):
        assert "known: builtin" in refused(*command, "--model", stub, "--finder", "guess")
    nowhere = ["--finder", "mediapipe", "--finder-model", tmp_path / "nowhere"]
    assert "nowhere" in refused("serve", "--model", stub, *nowhere)


def test_a_port_in_use(tmp_path: Path) -> None:
    stub = write_stub_checkpoint(tmp_path / "stub")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused("serve", "--model", stub, "--port", port)
    assert f"cannot listen on 127.0.0.1:{port}" in said and "--port" in said


def test_server_addresses_that_cannot_answer(photo: Path) -> None:
    assert "not an address" in refused("describe", photo, "--server", "localhost")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert "no answer from" in refused("describe", photo, "--server", url)


def test_interrupt_is_quiet(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(facellm.reader, "load", interrupted)
    assert run("describe", photo) == (130, "", "")


def test_env_names_the_versions_that_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facellm.environment, "_gpu", lambda: "none")  # torch takes seconds
    code, out, _ = run("env")
    assert code == 0
    for name in ("python", "facellm", "torch", "transformers", "gpu"):
        assert name in out


def test_commands_and_package_import_no_heavy_library() -> None:
    check = (
        "import sys, facellm, facellm.cli; "
        "heavy = {'torch', 'transformers', 'vllm', 'PIL', 'numpy', 'pydantic'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
