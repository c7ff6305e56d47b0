"""Bodies that are too large are refused, announced or not; others pass unchanged."""

import asyncio
from typing import Any

import pytest

from facellm.core.errors import FaceLLMError
from serve.limits import BodyLimit


def send_through(parts: list[bytes], announced: bytes | None = None) -> tuple[bytes, list[Any]]:
    """What the application behind the limit read, and what was sent back before it."""
    read, sent = bytearray(), []
    messages = [
        {"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts
    ]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for _ in parts:
            read.extend((await receive())["body"])

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [] if announced is None else [(b"content-length", announced)]
    scope = {"type": "http", "headers": headers}
    asyncio.run(BodyLimit(application, most=10)(scope, receive, send))
    return bytes(read), sent


def test_small_bodies_pass() -> None:
    assert send_through([b"12345", b"67890"], b"10") == (b"1234567890", [])
    assert send_through([b""]) == (b"", [])


def test_announced_bodies_are_refused_unread() -> None:
    read, (start, body) = send_through([b"x"], b"11")
    assert read == b""
    assert start["status"] == 413
    assert b"scale the picture down" in body["body"]


def test_bodies_that_grow_too_large_are_refused() -> None:
    with pytest.raises(FaceLLMError, match="larger than"):
        send_through([b"123456", b"789012"])
