"""Qwen3-VL with face regions: vLLM and transformers write the same tokens."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from both_sides import both_sides

pytest.importorskip("vllm")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCRIPT = Path(__file__).with_name("qwen3_vl_parity.py")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("qwen3_vl")
    return both_sides(folder / "model", folder / "out.json", script=SCRIPT)


def answers(run: dict[str, Any], kind: str) -> list[list[int]]:
    return [case["vllm"] for case in run["cases"] if case["kind"] == kind]


def test_they_write_the_same_tokens(run: dict[str, Any]) -> None:
    kinds = Counter(case["kind"] for case in run["cases"])
    assert sum(kinds.values()) >= 25
    assert {"given 0", "given 1", "given 3", "found", "two pictures", "uuid"} <= set(kinds)
    for case in run["cases"]:
        assert case["vllm"] == case["transformers"], case["kind"]
    different = {tuple(case["vllm"]) for case in run["cases"]}
    assert len(different) > 12, "a model that says the same to everything proves nothing"


def test_other_landmarks_are_other_tokens(run: dict[str, Any]) -> None:
    """Also under one client-chosen id, and by whatever way they come."""
    for kind in ("uuid", "option uuid", "option", "marked"):
        first, second = answers(run, kind)
        assert first != second, kind
    numbers = [answers(run, f"given {number}") for number in (0, 1, 3)]
    for picture in zip(*numbers, strict=True):
        assert len({tuple(answer) for answer in picture}) > 1


def test_with_shut_gates_it_is_the_stock_model(run: dict[str, Any]) -> None:
    assert len(run["closed"]) == 4
    for case in run["closed"]:
        assert case["vllm"] == case["transformers"]


def test_bad_landmarks_are_refused_in_one_short_line(run: dict[str, Any]) -> None:
    shape, values, number = run["refused"]
    assert shape == "landmarks have shape (1, 5, 2); expected (faces, 68, 2) pixels"
    assert values == "landmarks hold NaN or infinite values; expected finite pixels"
    assert number == "landmarks of 99 faces were given; this model takes 8"
