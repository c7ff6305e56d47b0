"""The chat API with the shipped weights: several pictures, several turns, adapters, counters."""

import base64
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from facellm import FaceReport
from serve.process import ServerProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
]


def encoded(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def url_of(image: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(encoded(image)).decode()


def user(text: str, *urls: str) -> dict[str, Any]:
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": "user", "content": [*pictures, {"type": "text", "text": text}]}


def chat(http: httpx.Client, messages: list[dict[str, Any]], **more: Any) -> httpx.Response:
    body = {"model": "facellm-nano", "messages": messages, "max_tokens": 40, "temperature": 0}
    return http.post("/v1/chat/completions", json={**body, **more})


def text(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text[:300]
    return str(answer.json()["choices"][0]["message"]["content"])


def test_several_pictures_and_turns(http: httpx.Client, astronaut: Image.Image) -> None:
    face, empty = url_of(astronaut), url_of(Image.new("RGB", (64, 64), (90, 120, 90)))
    both = chat(http, [user("Compare them.", face, empty)])
    one = chat(http, [user("Compare them.", face)])
    tokens = [a.json()["usage"]["prompt_tokens"] for a in (both, one)]
    assert tokens[0] > tokens[1]  # the second picture was shown; without a face it is short
    said = text(chat(http, [user("What do you see?", face)]))
    turns = [
        user("What do you see?", face),
        {"role": "assistant", "content": said},
        user("And here?", empty),
    ]
    assert text(chat(http, turns))
    assert chat(http, turns).json()["usage"]["prompt_tokens"] > tokens[1]


def test_an_id_of_a_client_never_leads_to_the_picture_of_another(
    http: httpx.Client, astronaut: Image.Image
) -> None:
    def ask(url: str | None, name: str | None) -> httpx.Response:
        part = {"type": "image_url", "image_url": {"url": url} if url else None, "uuid": name}
        words = {"type": "text", "text": "What do you see?"}
        return chat(http, [{"role": "user", "content": [part, words]}])

    theirs, mine = url_of(astronaut), url_of(Image.new("RGB", (64, 64), (90, 120, 90)))
    assert text(ask(theirs, "img-1")) == text(ask(theirs, None))
    assert text(ask(mine, "img-1")) == text(ask(mine, None)) != text(ask(theirs, None))
    alone = ask(None, "img-1")
    assert alone.status_code == 400
    assert "named by an id alone" in alone.json()["error"]["message"]


def test_more_pictures_than_the_server_takes(http: httpx.Client) -> None:
    urls = [url_of(Image.new("RGB", (32, 32), (number, 0, 0))) for number in range(17)]
    answer = chat(http, [user("?", *urls)])
    assert answer.status_code == 400
    assert "16" in answer.json()["error"]["message"]


def test_an_adapter_is_asked_by_its_name(http: httpx.Client, astronaut: Image.Image) -> None:
    asked = [user("What do you see?", url_of(astronaut))]
    names = {model["id"] for model in http.get("/v1/models").json()["data"]}
    assert {"facellm-nano", "tuned"} <= names
    plain = text(chat(http, asked))
    assert text(chat(http, asked, model="tuned")) != plain
    assert text(chat(http, asked)) == plain
    assert chat(http, asked, model="other").status_code == 404


def test_a_box_is_enough(http: httpx.Client, astronaut: Image.Image) -> None:
    image = url_of(astronaut)
    found = http.post("/v1/face/analyze", json={"image": image}).json()
    box = found["faces"][0]["box"]
    answer = http.post("/v1/face/analyze", json={"image": image, "faces": [{"box": box}]})
    report = FaceReport.model_validate(answer.json())
    assert report.finder == "given"
    assert report.faces[0].box == tuple(box)
    assert report.faces[0].expression.label == found["faces"][0]["expression"]["label"]
    nowhere = http.post(
        "/v1/face/analyze", json={"image": image, "faces": [{"box": [400, 20, 480, 100]}]}
    )
    assert nowhere.status_code == 400
    assert "no face was found in the box of face 1" in nowhere.json()["error"]["message"]


def counters(http: httpx.Client) -> dict[str, float]:
    found = re.findall(r"^(facellm_\S+) (\S+)$", http.get("/metrics").text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_our_counters_count(http: httpx.Client, astronaut: Image.Image) -> None:
    before = counters(http)
    http.post("/v1/face/analyze", json={"image": url_of(astronaut.rotate(2))})
    chat(http, [user("What?", url_of(astronaut.rotate(4)))])
    http.post("/v1/face/analyze", json={"image": "aGVsbG8="})
    after = counters(http)

    def rise(name: str) -> float:
        return after[name] - before.get(name, 0)

    # vLLM's route looks too; more would be another test's.
    assert rise("facellm_pictures_total") == 2
    assert rise("facellm_faces_found_total") == 2
    assert rise("facellm_finder_seconds_count") == 2
    assert rise("facellm_finder_seconds_sum") > 0
    assert rise("facellm_pictures_refused_total") == 1


@pytest.fixture
def web(astronaut: Image.Image) -> Iterator[int]:
    """A web server of this machine: `/picture.png`, and `/moved`, which leads there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", f"http://localhost:{port}/picture.png")
            self.end_headers()
            self.wfile.write(encoded(astronaut))

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = int(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield port
    server.shutdown()
    server.server_close()


def test_only_listed_addresses_are_fetched(
    http: httpx.Client, web: int, astronaut: Image.Image
) -> None:
    def ask(url: str) -> httpx.Response:
        return chat(http, [user("What do you see?", url)])

    fetched = text(ask(f"http://127.0.0.1:{web}/picture.png"))
    assert fetched == text(ask(url_of(astronaut)))
    for url, problem in (
        (f"http://127.0.0.1:{web}/moved", "redirects"),
        (f"http://localhost:{web}/picture.png", "domains that this server allows"),
        ("file:///etc/hostname", "local files are off"),
        ("ftp://127.0.0.1/a", "no URL"),
    ):
        answer = ask(url)
        assert answer.status_code == 400
        assert problem in answer.json()["error"]["message"]


def test_other_media_are_refused_in_words(http: httpx.Client, web: int) -> None:
    part = {"type": "audio_url", "audio_url": {"url": f"http://127.0.0.1:{web}/picture.png"}}
    answer = chat(http, [{"role": "user", "content": [part]}])
    assert 400 <= answer.status_code < 500


def test_vllms_routes_are_closed_too(shipped: ServerProcess) -> None:
    for path in ("/invocations", "/tokenize", "/metrics", "/v1/face/schema", "/v1/models"):
        assert httpx.get(shipped.url + path).status_code == 401
    assert httpx.get(f"{shipped.url}/health").status_code == 200
