"""What goes wrong out there, against a real server with the shipped weights: it goes on."""

import asyncio
import base64
import os
import signal
import socket
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from io import BytesIO
from struct import pack
from typing import Any

import httpx
import pytest
from PIL import Image

from serve.process import ServerProcess
from serve.siege import Siege, large_body

psutil = pytest.importorskip("psutil", reason="psutil comes with vLLM")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
]

UPLOADS = 200
"""Of 20 MB each, at the same time; an eighth of them pictures (`python -m serve.siege`: all)."""


def data_url(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def metric(http: httpx.Client, name: str) -> float:
    """The sum over all labels of one counter."""
    lines = http.get("/metrics").text.splitlines()
    values = [line.rsplit(" ", 1) for line in lines if line.startswith(name)]
    return sum(float(value) for label, value in values if label.split("{")[0] == name)


def until(condition: Any, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def long_chat(model: str, tokens: int, url: str | None = None) -> dict[str, Any]:
    """A request for an answer that does not end by itself."""
    text = {"type": "text", "text": "What do you see?"}
    parts = [text] if url is None else [{"type": "image_url", "image_url": {"url": url}}, text]
    return {
        "model": model,
        "messages": [{"role": "user", "content": parts}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": True,
    }


def running(http: httpx.Client) -> float:
    waiting = metric(http, "vllm:num_requests_waiting")
    return waiting + metric(http, "vllm:num_requests_running")


def test_a_client_that_has_gone_frees_its_slot(
    shipped: ServerProcess, http: httpx.Client, key: str, astronaut: Image.Image
) -> None:
    before = metric(http, "vllm:generation_tokens_total")
    body = long_chat(shipped.model, 600)
    for _ in range(3):
        with http.stream("POST", "/v1/chat/completions", json=body) as answer:
            assert answer.status_code == 200
            for _ in zip(range(3), answer.iter_lines(), strict=False):
                pass
    ours = {"image": data_url(encoded(astronaut)), "question": "Describe it.", "stream": True}
    with http.stream("POST", "/v1/face/ask", json=ours) as answer:
        next(answer.iter_lines())
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/face/analyze", json={"image": ours["image"]}, timeout=0.05)
    with socket.create_connection(("127.0.0.1", shipped.port), timeout=30) as half:
        head = f"POST /v1/face/analyze HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}"
        half.sendall(f'{head}\r\nContent-Length: 4000\r\n\r\n{{"image": "'.encode())
    until(lambda: running(http) == 0)
    assert metric(http, "vllm:generation_tokens_total") - before < 3 * 600


def test_many_large_uploads_at_once_are_all_answered_in_bounded_memory(
    shipped: ServerProcess, key: str
) -> None:
    picture = large_body(20)
    odd = picture.replace(b'{"image"', b'{"more": 1, "image"')  # as large, and soon done with
    attacker = Siege(shipped.url, key, shipped.pid)
    bodies = [picture if number % 8 == 0 else odd for number in range(UPLOADS)]
    found = asyncio.run(attacker.besieged(attacker.uploads(bodies)))
    assert set(found["answers"]) <= {"200", "400", "503"}
    assert sum(found["answers"].values()) == UPLOADS and found["answers"].get("400", 0) > 0
    # Without a bound: body, text, bytes and pixels of all of them, 94 MB each, are 19 GB.
    memory = found["server_megabytes"]
    assert memory["at_most"] - memory["before"] < 1500
    assert found["good_request_afterwards"] == 200


def test_requests_that_never_end_hold_up_nobody(shipped: ServerProcess, key: str) -> None:
    attacker = Siege(shipped.url, key, shipped.pid)

    async def attack() -> Counter[str]:
        return sum(await asyncio.gather(attacker.headers(200), attacker.bodies(50)), Counter())

    found = asyncio.run(attacker.besieged(attack()))
    # The server hangs up by itself, after `serve.idle.MOST` seconds.
    assert found["answers"] == {"hung up": 200, "408": 50}
    assert found["good_request_afterwards"] == 200


def bomb(side: int) -> bytes:
    """A square PNG of one colour: small, until it is decoded."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content))

    header = pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compressobj()
    packed = b"".join(rows.compress(b"\0" * (3 * side + 1)) for _ in range(side)) + rows.flush()
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_the_clients_fault(http: httpx.Client) -> None:
    large = bomb(12_000)
    assert len(large) < 1e6
    answer = http.post("/v1/face/analyze", json={"image": data_url(large)})
    assert answer.status_code == 400
    assert "100 megapixels" in answer.json()["error"]["message"]


def test_a_decoder_that_breaks_down_is_replaced(shipped: ServerProcess, http: httpx.Client) -> None:
    body = {"image": data_url(encoded(Image.new("RGB", (50, 50))))}
    assert http.post("/v1/face/analyze", json=body).status_code == 200
    lost = metric(http, "facellm_decoders_lost_total")
    decoders = [
        child
        for child in psutil.Process(shipped.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]
    assert decoders
    with ThreadPoolExecutor(8) as threads:
        asked = [
            threads.submit(http.post, "/v1/face/analyze", json=body, timeout=200) for _ in range(8)
        ]
        decoders[0].kill()
        assert {one.result().status_code for one in asked} == {200}
    until(lambda: http.post("/v1/face/analyze", json=body).status_code == 200)
    assert metric(http, "facellm_decoders_lost_total") == lost + 1


def test_the_log_holds_nothing_of_a_request(shipped: ServerProcess, key: str) -> None:
    log = shipped.log.read_text()
    assert "serving" in log
    for private in (key, "What do you see", "base64", "Describe it"):
        assert private not in log
    assert len(log.splitlines()) < 40


@pytest.fixture
def own(lively_checkpoint: Any, tmp_path: Any) -> Any:
    """A server that a test may end."""
    with ServerProcess(tmp_path / "log.txt", lively_checkpoint) as server:
        server.wait(500)
        yield server


def started(server: ServerProcess, tokens: int) -> tuple[Any, Any]:
    """A stream under way, and what is to come of it."""
    stream = httpx.stream(
        "POST",
        f"{server.url}/v1/chat/completions",
        json=long_chat(server.model, tokens),
        timeout=200,
    )
    lines = stream.__enter__().iter_lines()
    for _ in range(4):
        next(lines)
    return stream, lines


def test_sigterm_loses_no_answer(own: ServerProcess, astronaut: Image.Image) -> None:
    body = {"image": data_url(encoded(astronaut))}
    known = httpx.post(f"{own.url}/v1/face/analyze", json=body, timeout=200).json()
    stream, lines = started(own, 400)
    with ThreadPoolExecutor(4) as threads:
        post = f"{own.url}/v1/face/analyze"
        asked = [threads.submit(httpx.post, post, json=body, timeout=200) for _ in range(3)]
        with httpx.Client(base_url=own.url) as http:  # all have come in, and are being read
            until(lambda: metric(http, "facellm_pictures_total") == 1 + len(asked))
        os.kill(own.pid, signal.SIGTERM)
        until(lambda: httpx.get(f"{own.url}/health").status_code == 503, 20)
        late = httpx.post(post, json=body, timeout=30)
        assert late.status_code == 503
        assert late.headers["retry-after"]
        text = list(lines)
        assert text[-2:] == ["data: [DONE]", ""] or text[-1] == "data: [DONE]"
        assert not any("error" in line for line in text)
        assert [one.result().json() for one in asked] == [known] * 3
    stream.__exit__(None, None, None)
    assert own.ended(90) is not None
    assert "ending the requests under way" in own.log.read_text()


def test_a_killed_engine_ends_the_server_and_its_streams(own: ServerProcess) -> None:
    stream, lines = started(own, 1000)
    engine = next(
        child
        for child in psutil.Process(own.pid).children(recursive=True)
        if "EngineCore" in child.name() or "EngineCore" in " ".join(child.cmdline())
    )
    engine.kill()
    try:
        rest = [line for line in lines if line]
    except httpx.HTTPError:
        rest = []
    # Whatever the client has got: it is no complete answer.
    assert "data: [DONE]" not in rest[-1:] or any("error" in line for line in rest)
    stream.__exit__(None, None, None)
    try:
        answer = httpx.post(f"{own.url}/v1/face/analyze", json={"image": "aGk="}, timeout=60)
        assert answer.status_code >= 400
    except httpx.HTTPError:
        pass  # it has gone already
    # Out, so that what watches over it (systemd, Kubernetes) starts it again.
    assert own.ended(90) is not None
