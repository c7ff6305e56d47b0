"""Connections that never finish a request's header are closed; uvicorn waits for them for ever."""

import asyncio
from typing import Any

from starlette.datastructures import State

MOST = 20.0
"""Seconds a client may take for the header of a request."""
LOOK = 2.0
"""Seconds between looks."""


async def close_idle(state: State, most: float = MOST, look: float = LOOK) -> None:
    """Close connections on which nothing complete has come for `most` seconds, for ever.

    Args:
        state: the application's; holds uvicorn's `server` once that runs.
        most: seconds.
        look: seconds between looks.
    """
    waiting: dict[Any, tuple[Any, float]] = {}
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(look)
        server = getattr(state, "server", None)
        connections = list(server.server_state.connections) if server else []
        seen = {}
        for one in connections:
            if not hasattr(one, "cycle"):  # a web socket
                continue
            last = one.cycle  # the last request that came whole
            if last is not None and not last.response_complete:
                continue
            before = waiting.get(one)
            seen[one] = before if before and before[0] is last else (last, clock())
        for one, (_, since) in seen.items():
            if clock() - since > most:
                one.transport.close()
        waiting = seen
