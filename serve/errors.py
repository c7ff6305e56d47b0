"""Errors the server answers before a route is reached, in the shape that its routes use."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


async def refuse(send: Send, status: HTTPStatus, reason: str, **headers: str) -> None:
    """Answer a request with `{"error": {"message", "type", "param", "code"}}` and hang up.

    Args:
        send: ASGI's, of a request that has not been answered yet.
        status: of the answer.
        reason: one line for the client.
        headers: more of them, `_` standing for `-`.
    """
    error = {"message": reason, "type": status.phrase, "param": None, "code": status.value}
    body = json.dumps({"error": error}).encode()
    named = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    encoded = [(name.encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status.value, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
