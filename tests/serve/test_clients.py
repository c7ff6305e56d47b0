"""The examples of README as they stand, against a real server: curl, Python, JavaScript."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from facellm import FaceReport
from serve.process import ServerProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
]

README = Path(__file__).parents[2] / "README.md"


def example(language: str, word: str) -> str:
    """The one example in a language that holds a word."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)
    [found] = [block for block in blocks if word in block]
    return str(found)


@pytest.fixture
def folder(tmp_path: Path, astronaut: Image.Image) -> Path:
    """Where an example finds `photo.jpg`."""
    astronaut.save(tmp_path / "photo.jpg")
    return tmp_path


def here(code: str, server: ServerProcess, key: str) -> str:
    """The example for this server and its key."""
    assert "http://localhost:8000" in code
    assert "KEY" in code
    return code.replace("http://localhost:8000", server.url).replace("KEY", key)


def run(line: list[str], folder: Path) -> str:
    done = subprocess.run(
        line, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(shipped: ServerProcess, key: str, folder: Path) -> None:
    output = run(["bash", "-c", here(example("bash", "curl"), shipped, key)], folder)
    assert len(FaceReport.model_validate_json(output).faces) == 1


@pytest.mark.skipif(find_spec("openai") is None, reason="openai is not installed")
def test_openai_for_python(shipped: ServerProcess, key: str, folder: Path) -> None:
    code = here(example("python", "from openai"), shipped, key)
    assert len(run([sys.executable, "-c", code], folder)) > 20


@pytest.mark.skipif(find_spec("langchain_openai") is None, reason="langchain is not installed")
def test_langchain(shipped: ServerProcess, key: str, folder: Path) -> None:
    code = example("python", "from openai") + example("python", "langchain")
    answers = run([sys.executable, "-c", here(code, shipped, key)], folder)
    assert len(answers) > 40


def test_openai_for_javascript(shipped: ServerProcess, key: str, folder: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    line = [npm, "install", "--silent", "--no-audit", "--no-fund", "openai"]
    got = subprocess.run(line, cwd=folder, capture_output=True, timeout=200, check=False)
    if got.returncode:
        pytest.skip("the package openai cannot be had from npm's registry here")
    (folder / "example.js").write_text(here(example("js", "OpenAI"), shipped, key))
    assert len(run([node, "example.js"], folder)) > 20
