"""Bounds on what clients may send: how large a body is, how slow, and how many there are at once.

Bodies are held in memory, each several times over while it is parsed, before a picture is looked
at. Who finds no room waits: the rest of the body stays in the client's own buffers meanwhile.
"""

import asyncio
from contextlib import suppress
from http import HTTPStatus

from starlette.requests import ClientDisconnect

from serve.budget import Budget
from serve.errors import App, Message, Receive, Send, refuse

MAX_BYTES = 64 * 1024 * 1024
"""Of a request body: a picture of 100 megapixels as JPEG, in base64, several times over."""
AT_ONCE = 256 * 1024 * 1024
"""Bytes of all bodies under way together."""
SMALL = 64 * 1024
"""Bodies up to this size wait for nobody."""
PATIENCE = 120.0
"""Seconds a request waits for room."""
SLOWEST = 128 * 1024
"""Bytes a second that a client must send on the whole, after the first `GRACE` seconds."""
GRACE = 20.0


class BodyLimit:
    """ASGI middleware: 413 for a body too large, 408 for one too slow, 503 for no room.

    Args:
        app: what lies behind.
        most: bytes of one body.
        at_once: bytes of all of them.
        patience: seconds to wait for room.
        grace: seconds that any body may take.
    """

    def __init__(
        self,
        app: App,
        most: int = MAX_BYTES,
        at_once: int = AT_ONCE,
        patience: float = PATIENCE,
        grace: float = GRACE,
    ) -> None:
        self._app = app
        self._most = most
        self._budget = Budget(max(at_once, most))
        self._patience = patience
        self._grace = grace

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        size = _announced(scope) if scope["type"] == "http" else 0
        if size is None:  # it comes in chunks, of which there may be many
            size = self._most
        if size > self._most:
            await refuse(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large())
        elif size == 0:
            await self._app(scope, receive, send)
        elif size <= SMALL:
            await self._pass(scope, receive, send, size)
        else:
            await self._queue(scope, receive, send, size)

    async def _queue(self, scope: Message, receive: Receive, send: Send, size: int) -> None:
        try:
            await self._budget.take(size, self._patience)
        except TimeoutError:
            reason = "too many uploads at the same time; try again later"
            await refuse(send, HTTPStatus.SERVICE_UNAVAILABLE, reason, retry_after="10")
            return
        try:
            await self._pass(scope, receive, send, size)
        finally:
            self._budget.give(size)

    async def _pass(self, scope: Message, receive: Receive, send: Send, size: int) -> None:
        body = _Body(receive, send, self._most, self._grace + size / SLOWEST)
        with suppress(_Refused, ClientDisconnect):  # nobody is left to answer, and it is no error
            await self._app(scope, body.receive, body.send)
        if body.refused is HTTPStatus.REQUEST_TIMEOUT:
            await refuse(send, body.refused, "the request body came too slowly; send it again")
        elif body.refused is not None:
            await refuse(send, body.refused, self._too_large())

    def _too_large(self) -> str:
        return f"the request is larger than {self._most / 1024**2:g} MB; scale the picture down"


class _Refused(Exception):
    """Ends the reading of a body, wherever in the application that happens."""


class _Body:
    """One body on its way in; what the application answers to a refused one is not sent."""

    def __init__(self, receive: Receive, send: Send, most: int, seconds: float) -> None:
        self.refused: HTTPStatus | None = None
        self._receive = receive
        self._send = send
        self._left = most
        self._end = asyncio.get_running_loop().time() + seconds
        self._complete = False
        self._answered = False

    async def receive(self) -> Message:
        if self._complete:  # what comes now is that the client has gone, whenever that is
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._complete = not message.get("more_body", False)
        return message

    def _refuse(self, status: HTTPStatus) -> None:
        if not self._answered:
            self.refused = status
        raise _Refused(status.phrase)

    async def send(self, message: Message) -> None:
        if self.refused is None:
            self._answered = True
            await self._send(message)


def _announced(scope: Message) -> int | None:
    """Bytes of the body by its header; None where it comes in chunks of unknown number."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    if length.isdigit():
        return int(length)
    return None if b"transfer-encoding" in headers else 0
