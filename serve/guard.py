"""Everything a request passes before vLLM sees it: `--middleware serve.guard.Guard`."""

from serve.access import ApiKey
from serve.drain import Drain
from serve.errors import App, Message, Receive, Send
from serve.limits import BodyLimit


class Guard:
    """ASGI middleware: the key first, so that strangers cost nothing; then the limits."""

    def __init__(self, app: App) -> None:
        self._app = ApiKey(Drain(BodyLimit(app)))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
