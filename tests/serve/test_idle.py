"""Connections on which no request comes whole are closed, by a real uvicorn; others are not."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="uvicorn comes with vLLM")
import uvicorn

from serve.idle import close_idle


async def slow_answer(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await asyncio.sleep(2)
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def exchange(port: int, *parts: bytes) -> bytes:
    """Send parts half a second apart; all that comes until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.5)
    got = await reader.read()
    writer.close()
    return got


def test_half_a_header_is_not_waited_for() -> None:
    async def run() -> list[bytes]:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = listening.getsockname()[1]
            config = uvicorn.Config(slow_answer, log_level="error", lifespan="off")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listening]))
            while not server.started:
                await asyncio.sleep(0.05)
            state: Any = SimpleNamespace(server=server)
            watching = asyncio.create_task(close_idle(state, most=1.0, look=0.1))
            silent = exchange(port)
            dripping = exchange(port, b"GET / HTTP/1.1\r\n", b"A: 1\r\n", b"B: 2\r\n", b"C: 3\r\n")
            whole = exchange(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(60):
                got = await asyncio.gather(silent, dripping, whole)
            watching.cancel()
            server.should_exit = True
            await serving
            return got

    silent, dripping, whole = asyncio.run(run())
    assert (silent, dripping) == (b"", b"")
    assert whole.startswith(b"HTTP/1.1 200") and whole.endswith(b"ok")
