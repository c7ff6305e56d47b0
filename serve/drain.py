"""Stopping without losing an answer.

    SIGTERM ─► /health and new requests get 503 ─► requests under way end ─► vLLM's own shutdown
                                                   └ or --shutdown-timeout has passed

vLLM alone lets the engine end what has reached it, and fails what is still on its way there (a
picture being searched for faces) or comes meanwhile. Ctrl-C stops at once, as before.
"""

import asyncio
import os
import signal
from http import HTTPStatus

from starlette.datastructures import State

from serve.errors import App, Message, Receive, Send, refuse

LOOK = 0.1
"""Seconds between looks at what is left."""


class Drain:
    """ASGI middleware: counts requests under way, and takes no new ones once the server ends."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope["app"].state
        if getattr(state, "draining", False):
            reason = "the server is about to stop; try again on another one"
            await refuse(send, HTTPStatus.SERVICE_UNAVAILABLE, reason, retry_after="5")
            return
        state.under_way = getattr(state, "under_way", 0) + 1
        try:
            await self._app(scope, receive, send)
        finally:
            state.under_way -= 1


async def drain_on_sigterm(state: State, seconds: float) -> None:
    """Take SIGTERM over from vLLM once it has set its own handler; runs as long as the server.

    Args:
        state: the application's; holds `server` when that runs.
        seconds: to wait for the requests under way.
    """
    while not getattr(getattr(state, "server", None), "started", False):
        await asyncio.sleep(LOOK)
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    # The waiting is done here: what vLLM still finds under way has had its time.
    state.engine_client.vllm_config.shutdown_timeout = 0
    await asked.wait()
    state.draining = True
    print("facellm: ending the requests under way", flush=True)
    for _ in range(round(seconds / LOOK)):
        if not getattr(state, "under_way", 0):
            break
        await asyncio.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGINT)  # vLLM's handler of this one is still in place
