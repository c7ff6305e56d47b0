"""Web servers of this process, for tests that talk to them over HTTP."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx

from serve.process import free_port


def wait_for(url: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            httpx.get(url, timeout=5)
            return
        except httpx.HTTPError:
            assert time.monotonic() < end, f"no answer from {url}"
            time.sleep(0.1)


@contextmanager
def running(app: Any) -> Iterator[str]:
    """An ASGI application on a free port, in a thread of this process; gives its address."""
    import uvicorn

    config = uvicorn.Config(app, port=free_port(), log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{config.port}"
    wait_for(url)
    yield url
    server.should_exit = True
    thread.join(30)
