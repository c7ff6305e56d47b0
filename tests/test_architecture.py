"""Imports point one way: who may know whom, checked on the source itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_KNOW = {
    "facellm/core": set(),
    "facellm/tasks": {"facellm.core"},
    "facellm/faces": {"facellm.core"},
    "facellm/model": {"facellm.core", "facellm.faces"},
    "facellm/stock": {"facellm.core", "facellm.faces", "facellm.model"},
    "facellm/train": {
        "facellm.core",
        "facellm.tasks",
        "facellm.faces",
        "facellm.model",
        "facellm.checkpoint",
    },
    "data_engine": {"facellm.core", "facellm.tasks", "facellm.faces"},
    "eval": {
        "facellm.core",
        "facellm.tasks",
        "facellm.faces",
        "facellm.reader",
        "facellm.prompts",
        "data_engine.rig",
    },
    "rl": {
        "facellm.core",
        "facellm.tasks",
        "facellm.faces",
        "facellm.model",
        "facellm.stock",
        "facellm.train",
        "facellm.checkpoint",
        "eval.fairness",
        "eval.fairness_report",
        "eval.faithfulness",
        "eval.metrics",
        "eval.question",
        "data_engine.teachers",
        "data_engine.verify",
        "data_engine.writers.brief",
    },
    "facellm/draw": {"facellm.core", "facellm.evidence_map"},
}
OURS = ("facellm", "data_engine", "eval", "rl", "serve")
NO_TORCH = ("facellm/core", "facellm/tasks", "data_engine", "eval", "facellm/draw")
LINES = 400


def imports(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names.add(node.module or "")
    return names


def sources(room: str) -> list[Path]:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files, f"no source in {room}"
    return files


@pytest.mark.parametrize("room", MAY_KNOW)
def test_rooms_know_only_what_lies_below(room):
    allowed = MAY_KNOW[room] | {room.replace("/", ".")}
    for file in sources(room):
        for name in imports(file):
            if name.split(".")[0] in OURS:
                known = any(name == a or name.startswith(a + ".") for a in allowed)
                assert known, f"{file.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", NO_TORCH)
def test_the_vocabulary_and_the_data_engine_need_no_torch(room):
    for file in sources(room):
        heavy = {n for n in imports(file) if n.split(".")[0] in ("torch", "transformers", "vllm")}
        assert not heavy, f"{file.relative_to(ROOT)} imports {heavy}"


def test_files_stay_small():
    for room in ("facellm", "data_engine", "eval", "rl", "serve"):
        for file in sources(room):
            count = len(file.read_text(encoding="utf-8").splitlines())
            assert count <= LINES, f"{file.relative_to(ROOT)} has {count} lines"


def test_no_source_names_a_place_of_one_machine():
    for room in ("facellm", "data_engine", "eval", "rl", "serve", "tests"):
        for file in sources(room):
            text = file.read_text(encoding="utf-8")
            assert "/work" + "/" not in text and "/ro" + "ot/" not in text, file
