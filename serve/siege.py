"""Hostile clients for a running server: `python -m serve.siege http://localhost:8000 --pid PID`.

    uploads   pictures of 20 MB, 200 of them at the same time
    headers   200 connections that send a byte of a header now and then, and never the end of it
    bodies    200 requests whose body stops in the middle

While each goes on, a small request is asked again and again. The server must answer or hang up by
itself, serve the small requests meanwhile, and be as it was afterwards.
"""

import argparse
import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from io import BytesIO
from typing import Any

import httpx
from PIL import Image

from facellm.core.errors import FaceLLMError, one_line
from serve.load import memory_of

PATH = "/v1/face/analyze"
PIECE = 1 << 16
"""Bytes handed to a connection at once: the client's own memory stays small."""
ASK_EVERY = 0.5
"""Seconds between small requests."""
DRIP_EVERY = 5.0
"""Seconds between two bytes of a header."""
HANG_UP = 120.0
"""Seconds after which a server should have hung up or answered."""


class Siege:
    """One server under attack."""

    def __init__(self, url: str, api_key: str | None = None, pid: int | None = None) -> None:
        self._url = httpx.URL(url)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._pid = pid

    async def uploads(self, bodies: Sequence[bytes]) -> Counter[str]:
        """Large requests at the same time; how often each status came back."""

        async def one(client: httpx.AsyncClient, body: bytes) -> str:
            headers = {"content-length": str(len(body)), "content-type": "application/json"}
            try:
                answer = await client.post(PATH, content=_pieces(body), headers=headers)
            except httpx.HTTPError as error:
                return type(error).__name__
            return str(answer.status_code)

        async with self._client(len(bodies)) as client:
            return Counter(await asyncio.gather(*(one(client, body) for body in bodies)))

    async def headers(self, count: int) -> Counter[str]:
        """Headers that never end."""
        return await self._raw(count, f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nX-", DRIP_EVERY)

    async def bodies(self, count: int) -> Counter[str]:
        """Bodies that stop in the middle."""
        key = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items())
        start = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{key}Content-Length: 40000\r\n\r\n"
        return await self._raw(count, start + '{"image": "', None)

    async def _raw(self, count: int, start: str, drip: float | None) -> Counter[str]:
        """What comes back on connections that begin so and are not ended by the client."""

        async def one() -> str:
            reader, writer = await asyncio.open_connection(self._url.host, self._url.port)
            writer.write(start.encode())
            reading = asyncio.create_task(reader.read(64))
            end = time.monotonic() + HANG_UP
            while not reading.done() and time.monotonic() < end:
                await asyncio.wait([reading], timeout=drip or HANG_UP)
                if drip and not reading.done():
                    writer.write(b"a")
            writer.close()
            if not reading.done():
                reading.cancel()
                return "still open"
            with suppress(ConnectionError):
                return reading.result().decode(errors="replace")[9:12] or "hung up"
            return "hung up"

        return Counter(await asyncio.gather(*(one() for _ in range(count))))

    async def besieged(self, attack: Awaitable[Counter[str]]) -> dict[str, Any]:
        """What the attack got, and how the server did meanwhile."""
        before = memory_of(self._pid)
        begun, seconds, most = time.monotonic(), [], before.get("server", 0)
        task = asyncio.ensure_future(attack)
        # Each asks on a connection of its own, as strangers do.
        async with self._client(1, keep=0) as client:
            while not task.done():
                asked = time.monotonic()
                answer = await client.get("/health")
                answer.raise_for_status()
                seconds.append(time.monotonic() - asked)
                memory = await asyncio.to_thread(memory_of, self._pid)
                most = max(most, memory.get("server", 0))
                await asyncio.wait([task], timeout=ASK_EVERY)
            lasted = time.monotonic() - begun
            good = await client.post(PATH, json={"image": picture_text(64, 64)})
        return {
            "answers": dict(task.result()),
            "seconds": round(lasted, 1),
            "health_seconds_at_most": round(max(seconds), 2),
            "good_request_afterwards": good.status_code,
            "server_megabytes": {
                "before": before.get("server"),
                "at_most": most,
                "after": memory_of(self._pid).get("server"),
            },
        }

    def _client(self, connections: int, keep: int | None = None) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=keep)
        return httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=600, limits=limits
        )


def picture_text(width: int, height: int) -> str:
    """A picture of one colour as base64 of PPM: as large as its pixels are."""
    buffer = BytesIO()
    Image.new("RGB", (width, height), (90, 120, 90)).save(buffer, "PPM")
    return base64.b64encode(buffer.getvalue()).decode()


def large_body(megabytes: float) -> bytes:
    """A request with a picture of so many MB; a third larger itself, as base64 is."""
    side = round((megabytes * 1e6 / 3) ** 0.5) + 1
    return json.dumps({"image": picture_text(side, side)}).encode()


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


async def siege(
    one: Siege, uploads: int, megabytes: float, connections: int
) -> dict[str, dict[str, Any]]:
    """All attacks, one after the other."""
    attacks: dict[str, Callable[[], Awaitable[Counter[str]]]] = {
        "uploads": lambda: one.uploads([large_body(megabytes)] * uploads),
        "headers": lambda: one.headers(connections),
        "bodies": lambda: one.bodies(connections),
    }
    found = {}
    for name, attack in attacks.items():
        try:
            found[name] = await one.besieged(attack())
        except httpx.HTTPError as error:
            raise FaceLLMError(
                f"the server did not answer during {name}: {type(error).__name__} {error}"
            ) from None
        print(json.dumps({name: found[name]}), flush=True)
    return found


def main() -> None:
    """Entry point of `python -m serve.siege`."""
    parser = argparse.ArgumentParser(prog="python -m serve.siege", description=__doc__)
    parser.add_argument("server", help="such as http://localhost:8000")
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--megabytes", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--api-key")
    parser.add_argument("--pid", type=int, help="of the server here: tells its memory too")
    chosen = parser.parse_args()
    with one_line("serve.siege"):
        attacker = Siege(chosen.server, chosen.api_key, chosen.pid)
        asyncio.run(siege(attacker, chosen.uploads, chosen.megabytes, chosen.connections))


if __name__ == "__main__":
    main()
