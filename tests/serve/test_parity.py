"""vLLM and transformers write the same tokens, whatever the faces and however they are given."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from facellm.checkpoint import SHIPPED

pytest.importorskip("vllm")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCRIPT = Path(__file__).with_name("parity.py")


def both_sides(checkpoint: Path, out: Path, *more: str, script: Path = SCRIPT) -> dict[str, Any]:
    line = [sys.executable, str(script), str(checkpoint), str(out), *more]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(out.read_text())
    return result


@pytest.fixture(scope="session")
def debug_run(lively_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return both_sides(lively_checkpoint, tmp_path_factory.mktemp("debug") / "out.json")


def assert_same(run: dict[str, Any]) -> None:
    kinds = Counter(case["kind"] for case in run["cases"])
    assert sum(kinds.values()) >= 80
    assert {"given 0", "given 1", "given 3", "found", "two pictures", "uuid"} <= set(kinds)
    for case in run["cases"]:
        assert case["vllm"] == case["transformers"], case["kind"]


def test_debug_model_writes_the_same_tokens(debug_run: dict[str, Any]) -> None:
    assert_same(debug_run)
    answers = {tuple(case["vllm"]) for case in debug_run["cases"]}
    assert len(answers) > 40, "a model that says the same to everything proves nothing"


def test_one_id_with_other_landmarks_is_another_picture(debug_run: dict[str, Any]) -> None:
    for kind in ("uuid", "option uuid"):
        first, second = [case["vllm"] for case in debug_run["cases"] if case["kind"] == kind]
        assert first != second


def test_bad_landmarks_are_refused_in_one_short_line(debug_run: dict[str, Any]) -> None:
    assert len(debug_run["refused"]) == 3
    for message in debug_run["refused"]:
        assert "landmarks" in message and len(message) < 200


@pytest.mark.skipif(not (SHIPPED / "config.json").is_file(), reason="no shipped weights")
def test_shipped_model_writes_the_same_tokens(tmp_path: Path) -> None:
    assert_same(both_sides(SHIPPED, tmp_path / "out.json"))


def test_adapter_on_the_language_model(lively_checkpoint: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    run = both_sides(lively_checkpoint, tmp_path / "out.json", str(tmp_path / "adapter"))
    for case in run["cases"]:
        assert case["vllm"] == case["transformers"], case["kind"]
    with_it, without = [
        [case["vllm"] for case in run["cases"] if case["kind"] == kind]
        for kind in ("adapter", "bare")
    ]
    assert all(a != b for a, b in zip(with_it, without, strict=True))
