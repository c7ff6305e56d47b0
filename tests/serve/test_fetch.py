"""What may be fetched, and what a list of domains must not let through: a real local server."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from facellm.core.errors import FaceLLMError

pytest.importorskip("aiohttp", reason="vLLM is not installed")
from serve.fetch import fetch, is_public

PICTURE = b"the bytes of a picture"
PRIVATE = (
    "10.1.2.3", "169.254.169.254", "192.168.0.1", "172.16.0.9", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "2002:7f00:1::",
)  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """`/picture`, redirects, and an answer without end; counts who came."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        port = self.server.server_address[1]
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", f"http://{self.path[4:]}:{port}/picture")
            self.end_headers()
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            threading.Event().wait(5)
        elif self.path == "/picture":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PICTURE)
        else:
            self.send_error(404)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def get(web: Any, host: str, path: str, allowed: list[str], **options: Any) -> bytes:
    url = f"http://{host}:{web.server_address[1]}{path}"
    most, seconds = options.get("most", 1000), options.get("seconds", 20)
    return asyncio.run(fetch(url, allowed, most, seconds))


def test_an_address_that_the_list_names_by_number_is_fetched(web: Any) -> None:
    assert get(web, "127.0.0.1", "/picture", ["127.0.0.1"]) == PICTURE


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433"])
def test_names_that_are_not_in_the_list_are_not_asked(web: Any, host: str) -> None:
    with pytest.raises(FaceLLMError, match="not from one of the domains"):
        get(web, host, "/picture", ["pictures.example", "example.com"])
    assert web.asked == []


def test_the_host_is_what_is_compared(web: Any) -> None:
    for host in ("127.0.0.1@localhost", "localhost#@127.0.0.1", "127.0.0.1.localhost"):
        with pytest.raises(FaceLLMError):
            get(web, host, "/picture", ["127.0.0.1"])
    assert web.asked == []


def test_a_listed_name_that_leads_to_this_machine_is_not_asked(web: Any) -> None:
    with pytest.raises(FaceLLMError, match="not public"):
        get(web, "localhost", "/picture", ["localhost"])
    assert web.asked == []


@pytest.mark.parametrize("address", PRIVATE)
def test_a_listed_name_that_leads_into_a_network_is_not_asked(
    web: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_public(address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place = (address, 80, 0, 0) if ":" in address else (address, 80)
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 80))
    found = [public, (family, socket.SOCK_STREAM, 6, "", place)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    with pytest.raises(FaceLLMError, match="not public"):
        get(web, "pictures.example", "/picture", ["pictures.example"])


def test_public_addresses_are_public() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


@pytest.mark.parametrize("target", ["127.0.0.1", "localhost", "10.0.0.1", "example.com"])
def test_redirects_are_not_followed(web: Any, target: str) -> None:
    with pytest.raises(FaceLLMError, match="redirects"):
        get(web, "127.0.0.1", f"/to/{target}", ["127.0.0.1", "localhost"])
    assert web.asked == [f"/to/{target}"]


def test_an_answer_without_end_is_cut(web: Any) -> None:
    with pytest.raises(FaceLLMError, match="larger than"):
        get(web, "127.0.0.1", "/endless", ["127.0.0.1"], most=200_000)


def test_failures_are_one_line_and_the_senders(web: Any) -> None:
    for path, seconds, what in (("/none", 20, "answered 404"), ("/slow", 0.5, "not be fetched")):
        with pytest.raises(FaceLLMError, match=what):
            get(web, "127.0.0.1", path, ["127.0.0.1"], seconds=seconds)
    for url in ("http://", "ftp://127.0.0.1/a", "file:///etc/passwd", "http://[::1", "http:/a"):
        with pytest.raises(FaceLLMError):
            asyncio.run(fetch(url, ["127.0.0.1"], 100, 5))
