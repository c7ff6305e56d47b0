"""Adapters are looked at before the engine, which a wrong one would end."""

import json
from argparse import Namespace
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from facellm.checkpoint import SHIPPED
from facellm.cli import app
from facellm.core.errors import FaceLLMError
from serve import launcher
from serve.lora import check_adapter, check_adapters
from serve.process import free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(adapter: Path, tmp_path: Path) -> Path:
    return copytree(adapter, tmp_path / "copy")


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def rename(folder: Path, old: str, new: str) -> None:
    file = folder / "adapter_model.safetensors"
    save_file({name.replace(old, new): value for name, value in load_file(file).items()}, file)


def test_what_training_writes_is_taken(adapter: Path) -> None:
    check_adapter(adapter, SHIPPED, 16)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"r": 64}, "rank 64, the server room for 16; start it with --max-lora-rank 64"),
        ({"rank_pattern": {"q_proj": 20}}, "--max-lora-rank 32"),
        ({"modules_to_save": ["projector"]}, "no plain LoRA"),
        ({"use_dora": True}, "no plain LoRA"),
        ({"bias": "all"}, "no plain LoRA"),
        ({"peft_type": "IA3"}, "no plain LoRA"),
        ({"r": None}, "states no rank"),
    ],
)
def test_kinds_that_vllm_cannot_load(copy: Path, changes: dict[str, Any], problem: str) -> None:
    edit(copy, **changes)
    with pytest.raises(FaceLLMError, match=problem):
        check_adapter(copy, SHIPPED, 16)


def test_a_trained_region_encoder(copy: Path) -> None:
    rename(copy, "model.language_model.layers.0.self_attn", "model.vision.guidance")
    with pytest.raises(FaceLLMError, match="only the language model's layers"):
        check_adapter(copy, SHIPPED, 16)


def test_an_adapter_of_another_model(copy: Path, lively_checkpoint: Path) -> None:
    with pytest.raises(FaceLLMError, match="is for another model"):
        check_adapter(copy, lively_checkpoint, 16)
    rename(copy, "layers.0.", "layers.99.")
    with pytest.raises(FaceLLMError, match="is for another model"):
        check_adapter(copy, SHIPPED, 16)


def test_folders_that_hold_none(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(FaceLLMError, match=r"no adapter_config\.json"):
        check_adapter(tmp_path / "nowhere", SHIPPED, 16)
    weights = copy / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(FaceLLMError, match="missing or damaged"):
        check_adapter(copy, SHIPPED, 16)


def test_the_command_line_is_checked(adapter: Path, tmp_path: Path) -> None:
    modules = [SimpleNamespace(path=str(adapter)), SimpleNamespace(path=str(tmp_path))]

    def check(modules: list[Any] | None, enabled: bool) -> None:
        args = Namespace(lora_modules=modules, enable_lora=enabled, max_lora_rank=16)
        check_adapters(args, SHIPPED)

    check(None, False)
    check(modules[:1], True)
    with pytest.raises(FaceLLMError, match="needs --enable-lora"):
        check(modules[:1], False)
    with pytest.raises(FaceLLMError, match="no adapter_config"):
        check(modules, True)


def test_one_that_does_not_fit_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = pytest.importorskip("vllm.entrypoints.cli.serve", reason="vLLM is not installed")
    started: list[Any] = []
    monkeypatch.setattr(serving.ServeSubcommand, "cmd", staticmethod(started.append))
    for of_the_process in ("set_environment", "_few_arenas", "_quieten", "_fork_engine", "tell"):
        monkeypatch.setattr(launcher, of_the_process, lambda *_: None)
    line = ["serve", "--port", str(free_port()), "--enable-lora"]
    result = CliRunner().invoke(app, [*line, "--lora-modules", f"bad={tmp_path}"])
    assert result.exit_code == 2
    assert "holds no adapter_config.json" in result.stderr and result.stderr.count("\n") == 1
    assert started == []
    assert CliRunner().invoke(app, line).exit_code == 0
    assert len(started) == 1
