"""The HTTP client below the openai client, for many calls at once to one server.

httpx parses HTTP in Python and looks at every pooled connection for every call: at 64 connections
about 2 ms of CPU a call. aiohttp, which the `data` extra brings along, needs a third of it.
"""

import importlib
from functools import lru_cache
from types import ModuleType
from typing import Any
from urllib.request import getproxies, proxy_bypass


def http_library() -> ModuleType:
    """The HTTP library that the installed openai package is built on: httpx, or httpx2 from 3.0."""
    import openai

    base = openai.DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0]
    return importlib.import_module(base)


def http_client(timeout: float) -> Any:
    """An `AsyncClient` whose requests travel through aiohttp; plain httpx where that is missing."""
    http = http_library()
    try:
        import aiohttp
    except ImportError:
        limits = http.Limits(max_connections=None, max_keepalive_connections=256)
        return http.AsyncClient(limits=limits, timeout=timeout)

    class Transport(http.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        """Sends a request, reads the whole answer, speaks of errors in httpx's words."""

        def __init__(self) -> None:
            # No limit and no waiting here: the caller bounds the calls in flight.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )

        async def handle_async_request(self, request: Any) -> Any:
            waits = request.extensions.get("timeout", {})
            limit = aiohttp.ClientTimeout(
                total=None, sock_connect=waits.get("connect"), sock_read=waits.get("read")
            )
            try:
                async with self._session.request(
                    request.method,
                    str(request.url),
                    headers=_headers(request),
                    data=await request.aread(),
                    timeout=limit,
                    proxy=_proxy(request.url.scheme, request.url.host),
                    allow_redirects=False,
                ) as answer:
                    body = await answer.read()
            except TimeoutError as error:  # aiohttp's own are subclasses
                raise http.ReadTimeout(str(error) or "timed out", request=request) from error
            except (aiohttp.ClientError, OSError) as error:
                raise http.ConnectError(str(error), request=request) from error
            # aiohttp has unpacked the body, so its old encoding and length no longer hold.
            dropped = ("content-encoding", "content-length", "transfer-encoding")
            headers = [(k, v) for k, v in answer.headers.items() if k.lower() not in dropped]
            return http.Response(answer.status, headers=headers, content=body, request=request)

        async def aclose(self) -> None:
            await self._session.close()

    return http.AsyncClient(transport=Transport(), timeout=timeout)


@lru_cache(64)
def _proxy(scheme: str, host: str) -> str | None:
    """The proxy the environment asks for; aiohttp's own look-up takes a thread for every call."""
    return None if proxy_bypass(host) else getproxies().get(scheme)


def _headers(request: Any) -> dict[str, str]:
    """The request's headers but those that aiohttp writes itself."""
    own = ("host", "content-length", "transfer-encoding", "connection")
    return {k: v for k, v in request.headers.items() if k.lower() not in own}
