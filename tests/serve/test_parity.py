"""vLLM and transformers write the same tokens, whatever the faces and however they are given."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from both_sides import both_sides

from facellm.checkpoint import SHIPPED

pytest.importorskip("vllm")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def debug_run(lively_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The debug model in an engine that takes adapters."""
    pytest.importorskip("peft")
    folder = tmp_path_factory.mktemp("debug")
    return both_sides(lively_checkpoint, folder / "out.json", str(folder / "adapter"))


@pytest.fixture(scope="module")
def shipped_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The shipped model in an engine without."""
    if not (SHIPPED / "config.json").is_file():
        pytest.skip("no shipped weights")
    return both_sides(SHIPPED, tmp_path_factory.mktemp("shipped_run") / "out.json")


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


def test_ids_that_clients_choose_name_nothing(debug_run: dict[str, Any]) -> None:
    """Nobody is answered about another one's picture, for both called theirs `img-1`."""
    first, second = [case["vllm"] for case in debug_run["cases"] if case["kind"] == "one id"]
    assert first != second
    assert "a picture is named by an id alone" in debug_run["by id alone"]


def test_bad_landmarks_are_refused_in_one_short_line(debug_run: dict[str, Any]) -> None:
    assert len(debug_run["refused"]) == 3
    for message in debug_run["refused"]:
        assert "landmarks" in message and len(message) < 200


def test_shipped_model_writes_the_same_tokens(shipped_run: dict[str, Any]) -> None:
    assert_same(shipped_run)


def test_offline_engine_reads_as_transformers_does(shipped_run: dict[str, Any]) -> None:
    # Random weights would not do: over answers of full length their near-ties fall either way.
    reports, clip = shipped_run["reports"], shipped_run["clip"]
    assert len(clip["vllm"]) > 20
    assert clip["vllm"] == clip["transformers"]  # a request of several pictures
    assert [len(one["faces"]) > 0 for one in reports["vllm"]] == [True, False, True]
    for ours, theirs in zip(reports["vllm"], reports["transformers"], strict=True):
        for mine, other in zip(ours["faces"], theirs["faces"], strict=True):
            assert mine["answers"] == other["answers"]
            likely = mine["expression"].pop("probabilities")
            assert likely == pytest.approx(other["expression"].pop("probabilities"), abs=1e-4)
            assert mine == other


def test_adapter_on_the_language_model(debug_run: dict[str, Any]) -> None:
    run = debug_run["adapter"]
    for case in run:
        assert case["vllm"] == case["transformers"], case["kind"]
    with_it, without = [
        [case["vllm"] for case in run if case["kind"] == kind] for kind in ("adapter", "bare")
    ]
    assert all(a != b for a, b in zip(with_it, without, strict=True))
