"""The page's process without a browser: who is let in, what is passed on, what is refused."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner
from ui_sites import running

from facellm import cli
from facellm.core.facs import ACTION_UNITS
from facellm.core.fex import COLUMNS
from serve.process import free_port

pytest.importorskip("starlette", reason="the page needs the extra serve")
pytest.importorskip("uvicorn", reason="the page needs the extra serve")

STATIC = Path(__file__).parents[2] / "serve" / "ui" / "static"


class Upstream:
    """A server that says what it was asked, and notes when an asker goes."""

    def __init__(self) -> None:
        self.gone = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.requests import Request
        from starlette.responses import JSONResponse

        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.body()
        if body == b"wait":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone += 1
            return
        said = {"path": request.url.path, "body": len(body), "headers": dict(request.headers)}
        await JSONResponse(said, 418)(scope, receive, send)


@pytest.fixture(scope="module")
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture(scope="module")
def site(upstream: Upstream) -> Iterator[str]:
    from serve.ui.app import page

    with running(upstream) as behind, running(page(behind, "secret", ["faces.example"])) as url:
        yield url


def test_the_key_is_added_here_and_nothing_else_is_passed(site: str) -> None:
    picture = b"x" * 3_000_000
    answer = httpx.post(f"{site}/v1/face/analyze", content=picture, headers={"Cookie": "a=b"})
    said = answer.json()
    assert answer.status_code == 418
    assert (said["path"], said["body"]) == ("/v1/face/analyze", len(picture))
    assert said["headers"]["authorization"] == "Bearer secret"
    assert "cookie" not in said["headers"]


@pytest.mark.parametrize(
    "path", ["/v1/load_lora_adapter", "/metrics", "/v1/face/../load_lora_adapter", "/app.py"]
)
def test_other_routes_of_the_server_are_closed(site: str, path: str) -> None:
    assert httpx.post(site + path, content=b"{}").status_code in (404, 405)
    assert httpx.get(site + path).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "a@b:x"])
def test_foreign_names_are_refused(site: str, host: str) -> None:
    for path in ("/", "/v1/models"):
        answer = httpx.get(site + path, headers={"Host": host})
        assert answer.status_code in (400, 403)
        assert "facellm</h1>" not in answer.text


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:7860", "faces.example"])
def test_names_of_this_machine_are_served(site: str, host: str) -> None:
    assert httpx.get(site, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://[", "http://localhost"])
def test_requests_of_other_sites_are_refused(site: str, origin: str) -> None:
    url = f"{site}/v1/face/analyze"
    assert httpx.post(url, content=b"{}", headers={"Origin": origin}).status_code == 403
    assert httpx.post(url, content=b"{}", headers={"Origin": site}).status_code == 418


def test_every_answer_carries_the_policy(site: str) -> None:
    for path, host in (("/", None), ("/main.js", None), ("/v1/models", None), ("/", "evil")):
        headers = httpx.get(site + path, headers={"Host": host} if host else None).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


def test_a_browser_that_goes_frees_the_server(site: str, upstream: Upstream) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{site}/v1/face/analyze", content=b"wait", timeout=1)

    end = time.monotonic() + 60
    while upstream.gone == 0:
        assert time.monotonic() < end, "the server was never told"
        time.sleep(0.05)


def test_a_server_that_is_not_there_is_said_in_words() -> None:
    from serve.ui.app import page

    with running(page(f"http://127.0.0.1:{free_port()}")) as url:
        answer = httpx.post(f"{url}/v1/face/analyze", content=b"{}")
    assert answer.status_code == 502
    assert "is `facellm serve` running there?" in answer.json()["error"]["message"]


def test_the_page_asks_for_nothing_outside_and_for_nothing_missing() -> None:
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), f"{file.name} names an address"
        wanted = re.findall(r"""(?:from |src=|href=)"(?:\./)?([\w.-]+)\"""", text)
        for name in wanted:
            assert (STATIC / name).is_file(), f"{file.name} wants {name}"


def test_the_vocabulary_is_the_one_of_the_core(site: str) -> None:
    words = httpx.get(f"{site}/vocabulary.json").json()
    assert words["columns"] == list(COLUMNS)
    assert words["units"]["AU12"]["name"] == ACTION_UNITS[12].name
    assert len(words["regions"]) == 15


def luminance(colour: str) -> float:
    values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return sum(weight * v for weight, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(scheme: int) -> None:
    css = (STATIC / "base.css").read_text()
    block = css.split(":root {")[1 + scheme].split("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", block))
    pairs = [("on-accent", "accent"), ("wrong", "card"), ("ink", "wrong-soft"), ("quiet", "soft")]
    pairs += [(text, ground) for text in ("ink", "quiet") for ground in ("paper", "card")]
    for text, ground in pairs:
        light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {ground}"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--server", "localhost:8000"], "expected http://host:port"),
        (["--model", "/nowhere"], "no model folder"),
        (["--server", "http://localhost:1", "--model", "x"], "leave out --server"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(options: list[str], said: str) -> None:
    result = CliRunner().invoke(cli.app, ["ui", "--port", str(free_port()), *options])
    assert result.exit_code == 2
    assert said in result.stderr and result.stderr.count("\n") == 1


def test_a_taken_port_is_one_line(site: str) -> None:
    port = site.rpartition(":")[2]
    result = CliRunner().invoke(cli.app, ["ui", "--port", port, "--server", "http://localhost:1"])
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr


@pytest.mark.slow
def test_a_page_that_is_terminated_takes_its_own_server_along() -> None:
    psutil = pytest.importorskip("psutil", reason="psutil comes with vLLM")
    line = [sys.executable, "-c", "from facellm.cli import main; main()", "ui"]
    line += ["--port", str(free_port())]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("facellm: starting facellm-nano on port ")
        [server] = psutil.Process(process.pid).children()
        process.terminate()
        assert process.wait(120) == 143
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
