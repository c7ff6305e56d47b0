"""A teacher for measurements: answers after a set time, a set number of calls at once.

It speaks just enough HTTP for a client that keeps its connections, and counts what it serves, so
that a client's rate can be held against the server's own maximum.
"""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

ANSWER = "The lip corners are pulled up (AU12, marked). The face looks happy."


class Served(NamedTuple):
    """What a server saw."""

    calls: int
    seconds: float
    """From the first request to the last answer."""
    most_at_once: int
    """Requests that were there at the same time, waiting ones included."""


class Service:
    """A running server."""

    def __init__(self, port: int, control: Connection) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self._port, self._control = port, control

    def served(self) -> Served:
        """What it saw since the last call of this."""
        self._control.send("served")
        return Served(*self._control.recv())

    def most(self, calls: int, at_once: int) -> float:
        """Calls a second that the server gives a client that does nothing but ask."""
        self.served()
        asyncio.run(_ask(self._port, calls, at_once))
        served = self.served()
        return served.calls / served.seconds


@contextmanager
def serving(delay: float, at_once: int) -> Iterator[Service]:
    """Run a server in a process of its own.

    Args:
        delay: seconds an answer takes.
        at_once: calls that are worked on at the same time; others wait.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(theirs, delay, at_once), daemon=True)
    process.start()
    try:
        yield Service(ours.recv(), ours)
    finally:
        process.kill()
        process.join()


def _main(control: Connection, delay: float, at_once: int) -> None:
    asyncio.run(_Server(delay, at_once).main(control))


async def _ask(port: int, calls: int, at_once: int) -> None:
    """Send the same request over and over, over as many connections as calls at once."""
    asked = b"POST / HTTP/1.1\r\ncontent-length: 2000\r\n\r\n" + b" " * 2000
    left = iter(range(calls))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(asked)
            await reader.readexactly(_length(await reader.readuntil(b"\r\n\r\n")))
        writer.close()

    await asyncio.gather(*(client() for _ in range(at_once)))


class _Server:
    def __init__(self, delay: float, at_once: int) -> None:
        self._delay, self._gate = delay, asyncio.Semaphore(at_once)
        self._calls = self._now = self._most = 0
        self._first = self._last = 0.0

    async def main(self, control: Connection) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        loop = asyncio.get_running_loop()

        def answer() -> None:
            control.recv()
            control.send((self._calls, self._last - self._first, self._most))
            self._calls = self._most = 0
            self._first = 0.0

        loop.add_reader(control.fileno(), answer)
        control.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
                writer.write(await self._reply())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _reply(self) -> bytes:
        self._first = self._first or time.monotonic()
        self._now += 1
        self._most = max(self._most, self._now)
        async with self._gate:
            await asyncio.sleep(self._delay)
        self._now -= 1
        self._calls += 1
        self._last = time.monotonic()
        choice = {"index": 0, "finish_reason": "stop"}
        said = {
            "id": "bench",
            "object": "chat.completion",
            "created": 0,
            "model": "bench",
            "choices": [{**choice, "message": {"role": "assistant", "content": ANSWER}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
        body = json.dumps(said).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        return head.encode() + b"\r\n\r\n" + body


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
