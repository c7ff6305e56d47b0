"""vLLM's command line as facellm makes it, and chats in OpenAI's shape."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from facellm import FaceReport
from facellm.core.errors import FaceLLMError
from serve import launcher
from serve.chat import Reply, pieces_of, the_image, wants_report

FOLDER = Path("weights/nano")


@pytest.fixture(params=[True, False], ids=["cpu", "gpu"])
def on_cpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(launcher, "on_cpu", lambda: request.param)
    return bool(request.param)


def line(*extra: str, key: str | None = None) -> list[str]:
    return launcher.arguments(FOLDER, "127.0.0.1", 8000, key, extra)


def value(arguments: list[str], name: str) -> str:
    assert arguments.count(name) == 1
    return arguments[arguments.index(name) + 1]


def test_a_small_machine_gets_float32_and_no_compilation(on_cpu: bool) -> None:
    arguments = line()
    assert value(arguments, "--served-model-name") == "facellm-nano"
    assert ("--enforce-eager" in arguments) is on_cpu
    assert ("--dtype" in arguments) is on_cpu
    assert json.loads(value(arguments, "--structured-outputs-config"))["disable_any_whitespace"]


def test_the_users_options_win(on_cpu: bool) -> None:
    arguments = line("--dtype", "bfloat16", "--no-enforce-eager", "--limit-mm-per-prompt={}")
    assert value(arguments, "--dtype") == "bfloat16"
    assert "--enforce-eager" not in arguments
    assert "--limit-mm-per-prompt" not in arguments


def test_a_key_is_passed_on(on_cpu: bool) -> None:
    assert "--api-key" not in line()
    assert value(line(key="secret"), "--api-key") == "secret"


def asked_format(name: str, schema: dict[str, Any]) -> SimpleNamespace:
    inner = SimpleNamespace(name=name, json_schema=schema)
    return SimpleNamespace(type="json_schema", json_schema=inner)


def test_only_the_published_schema_is_answered_by_measuring() -> None:
    ours = FaceReport.model_json_schema()
    assert wants_report(asked_format("FaceReport", ours))
    assert wants_report(asked_format("anything", ours))
    assert wants_report(asked_format("FaceReport", {**ours, "title": "X"}))
    assert not wants_report(asked_format("FaceReport", {"properties": {"emotion": {}}}))
    assert not wants_report(asked_format("e", {**ours, "title": "X"}))
    assert not wants_report(SimpleNamespace(type="json_object"))
    assert not wants_report(None)


def picture(url: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": url}]}


def test_the_one_picture_of_a_chat() -> None:
    system = {"role": "system", "content": "Look."}
    assert the_image([system, picture({"url": "data:a"})]) == "data:a"
    assert the_image([picture("data:a")]) == "data:a"
    for messages in ([system], [picture("a"), picture("b")], [picture({})], [None]):
        with pytest.raises(FaceLLMError, match="one picture"):
            the_image(messages)


def events(pieces: AsyncIterator[tuple[str, bool]]) -> list[str]:
    async def collect() -> list[str]:
        return [event async for event in Reply("m").chunks(pieces)]

    return asyncio.run(collect())


def test_chunks_add_up_and_end() -> None:
    text = "é" * 450
    got = events(pieces_of(text))
    assert got[-1] == "data: [DONE]\n\n"
    parsed = [json.loads(event.removeprefix("data: ")) for event in got[:-1]]
    deltas = [one["choices"][0]["delta"].get("content", "") for one in parsed]
    assert "".join(deltas) == text
    assert parsed[-1]["choices"][0]["finish_reason"] == "stop"
    assert len({one["id"] for one in parsed}) == 1


def test_an_error_in_a_stream_is_an_event_and_tells_nothing_private() -> None:
    async def broken() -> AsyncIterator[tuple[str, bool]]:
        yield "a", False
        raise RuntimeError("secret path")

    last = events(broken())[-1]
    assert "error" in last and "secret" not in last


def test_a_model_that_needs_the_question_is_refused_before_anything_is_loaded(
    tmp_path: Path,
) -> None:
    from facellm.model import debug_checkpoint

    folder = debug_checkpoint(tmp_path / "guided", prompt_guided=True)
    with pytest.raises(FaceLLMError, match=r"\(prompt_guided\), and vLLM reads a picture once"):
        launcher.launch(folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_vllm_itself_refuses_it_too(tmp_path: Path) -> None:
    """Whoever loads it: `facellm serve` is not the only way into vLLM."""
    pytest.importorskip("vllm")
    from facellm.model import debug_checkpoint

    folder = debug_checkpoint(tmp_path / "guided", prompt_guided=True)
    code = (
        "import os; os.environ.update(VLLM_ENABLE_V1_MULTIPROCESSING='0', VLLM_PLUGINS='facellm', "
        "VLLM_CPU_KVCACHE_SPACE='1', VLLM_LOGGING_LEVEL='ERROR', HF_HUB_OFFLINE='1'); "
        f"from vllm import LLM; LLM({str(folder)!r}, dtype='float32', enforce_eager=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode and "vLLM reads a picture once for all questions" in done.stderr
