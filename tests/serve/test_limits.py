"""Bodies too large, too slow or too many are refused; others pass unchanged."""

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from serve.budget import Budget
from serve.limits import SMALL, BodyLimit


class Client:
    """One request: what it sends, and what it gets back."""

    def __init__(self, parts: list[bytes], announced: int | None = None, every: float = 0) -> None:
        self.answer: list[Any] = []
        self._parts = list(parts)
        self._every = every
        length = (b"content-length", str(announced).encode())
        chunked = (b"transfer-encoding", b"chunked")
        self.scope = {"type": "http", "headers": [chunked if announced is None else length]}

    async def receive(self) -> Any:
        await asyncio.sleep(self._every)
        part = self._parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self._parts)}

    async def send(self, message: Any) -> None:
        self.answer.append(message)

    @property
    def status(self) -> int:
        return int(self.answer[0]["status"])


class Application:
    """Reads a body to its end and says how long it was, as vLLM's routes do: 400 for any error."""

    def __init__(self) -> None:
        self.read = bytearray()
        self.inside = self.most_inside = 0
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        self.most_inside = max(self.inside, self.most_inside)
        status = 200
        try:
            more = True
            while more:
                message = await receive()
                self.read.extend(message["body"])
                more = message["more_body"]
            await self.go_on.wait()
        except Exception:
            status = 400
        self.inside -= 1
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def through(client: Client, **limits: Any) -> bytes:
    """Send a request through the limit; what the application read."""

    async def run() -> bytes:
        application = Application()
        application.go_on.set()
        await BodyLimit(application, **limits)(client.scope, client.receive, client.send)
        return bytes(application.read)

    return asyncio.run(run())


def test_small_bodies_pass() -> None:
    client = Client([b"12345", b"67890"], 10)
    assert through(client, most=10) == b"1234567890"
    assert client.status == 200
    assert through(Client([b""], 0), most=10) == b""


def test_announced_bodies_are_refused_unread() -> None:
    client = Client([b"x"], 11)
    assert through(client, most=10) == b""
    assert client.status == 413
    assert "scale the picture down" in json.loads(client.answer[1]["body"])["error"]["message"]


@pytest.mark.parametrize("announced", [None, 6])
def test_bodies_that_grow_too_large_are_refused(announced: int | None) -> None:
    client = Client([b"123456", b"789012"], announced)
    through(client, most=10)
    assert [part.get("status") for part in client.answer] == [413, None]


def test_bodies_that_come_too_slowly_are_refused() -> None:
    client = Client([b"1"] * 100, 100, every=0.05)
    read = through(client, grace=0.5)
    assert client.status == 408
    assert 0 < len(read) < 100


def test_a_client_that_goes_before_its_body_has_come_is_no_error() -> None:
    async def gone(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise ClientDisconnect

    client = Client([b"x", b"y"], 100)
    asyncio.run(BodyLimit(gone)(client.scope, client.receive, client.send))
    assert client.answer == []


def test_uploads_wait_for_room_and_are_refused_when_none_comes() -> None:
    size = SMALL * 2

    async def run() -> tuple[list[int], int]:
        application = Application()
        limit = BodyLimit(application, most=size, at_once=2 * size, patience=0.3)
        clients = [Client([b"x" * size], size) for _ in range(5)]
        small = Client([b"x"], 1)
        calls = [limit(one.scope, one.receive, one.send) for one in [*clients, small]]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(0.1)
        inside = application.inside
        await asyncio.wait(tasks[2:5])  # refused by themselves
        application.go_on.set()
        await asyncio.gather(*tasks)
        later = Client([b"x" * size], size)
        await limit(later.scope, later.receive, later.send)
        return [one.status for one in [*clients, small, later]], inside

    statuses, inside = asyncio.run(run())
    assert inside == 3  # two uploads, and the small body that waits for nobody
    assert statuses == [200, 200, 503, 503, 503, 200, 200]


def test_a_budget_serves_in_order_and_survives_those_who_leave() -> None:
    async def run() -> list[str]:
        budget, order = Budget(10), []

        async def ask(name: str, units: int, patience: float = 5) -> None:
            await budget.take(units, patience)
            order.append(name)

        await ask("first", 6)
        large = asyncio.create_task(ask("large", 8))
        small, gone = (asyncio.create_task(ask(n, u)) for n, u in (("small", 3), ("gone", 9)))
        await asyncio.sleep(0.01)
        assert order == ["first"]  # small would fit, and waits for its turn
        large.cancel()
        gone.cancel()
        await small
        with pytest.raises(TimeoutError):
            await budget.take(5, 0.01)
        budget.give(6)
        budget.give(3)
        await ask("all", 10, 0.1)
        return order

    assert asyncio.run(run()) == ["first", "small", "all"]
