"""A bound on what a client may send: bodies are held in memory before a picture is looked at."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from facellm.core.errors import FaceLLMError

MAX_BYTES = 64 * 1024 * 1024
"""Of a request body: a picture of 100 megapixels as JPEG, in base64, several times over."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class BodyLimit:
    """ASGI middleware: 413 for a body announced as too large, 400 for one that grows so."""

    def __init__(self, app: App, most: int = MAX_BYTES) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._most:
            await self._refuse(send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise FaceLLMError(self._reason())
            return message

        await self._app(scope, counted, send)

    def _reason(self) -> str:
        return f"the request is larger than {self._most / 1024**2:g} MB; scale the picture down"

    async def _refuse(self, send: Send) -> None:
        error = {"message": self._reason(), "type": "BadRequestError", "param": None, "code": 413}
        body = json.dumps({"error": error}).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
