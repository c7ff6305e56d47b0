"""The API key, demanded on every route.

vLLM demands its key of paths below /v1, /v2, /inference and /cohere alone: with it, anybody may
still chat at /invocations, tokenize, read /metrics and scale the engine.
"""

import hmac
import os
from http import HTTPStatus

from starlette.datastructures import Headers

from serve.errors import App, Message, Receive, Send, refuse

OPEN = ("/health",)
"""What a probe may ask without a key: it says whether the server lives, and nothing else."""


class ApiKey:
    """ASGI middleware: 401 without the key where the server was given one.

    Preflight requests of browsers pass, as they carry no key and reach no route.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or _may_pass(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "no valid API key"})
        else:
            reason = "no valid API key; send the header Authorization: Bearer KEY"
            await refuse(send, HTTPStatus.UNAUTHORIZED, reason, www_authenticate="Bearer")


def _may_pass(scope: Message) -> bool:
    args = scope["app"].state.args
    keys = [key for key in (args.api_key or [os.environ.get("VLLM_API_KEY")]) if key]
    if not keys or scope.get("method") == "OPTIONS":
        return True
    if scope["path"].removeprefix(scope.get("root_path", "")) in OPEN:
        return True
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    # All keys are compared, in constant time each: how long it takes tells nothing.
    matches = [hmac.compare_digest(token.encode(), key.encode()) for key in keys]
    return scheme.lower() == "bearer" and any(matches)
