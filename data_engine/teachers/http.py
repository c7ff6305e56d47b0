"""The HTTP client below the openai client, for many calls at once to one server.

httpx parses HTTP in Python, looks at every pooled connection for every call, and merges addresses,
cookies, redirects and authentication that calls to one server have no use of. Here the requests of
the openai client, its further attempts included, go to aiohttp, which the `data` extra brings, as
they were put together: a call takes two thirds of the CPU.
"""

import importlib
from functools import lru_cache
from types import ModuleType
from typing import Any
from urllib.request import getproxies, proxy_bypass

_OF_AIOHTTP = ("host", "content-length", "transfer-encoding", "connection")
"""Headers that aiohttp writes itself."""
_UNPACKED = ("content-encoding", "content-length", "transfer-encoding")
"""Headers about a body as it travelled; aiohttp has unpacked it."""


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
        import yarl
    except ImportError:
        limits = http.Limits(max_connections=None, max_keepalive_connections=256)
        return http.AsyncClient(limits=limits, timeout=timeout)

    @lru_cache(64)
    def parsed(url: str) -> tuple[Any, yarl.URL, str | None]:
        """An address as httpx and as aiohttp have it, and the proxy on the way there."""
        theirs = http.URL(url)
        return theirs, yarl.URL(url), _proxy(theirs.scheme, theirs.host)

    patience = aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout)

    class Client(http.AsyncClient):  # type: ignore[misc, name-defined]
        """Sends a request, reads the whole answer, speaks of errors in httpx's words."""

        def __init__(self) -> None:
            super().__init__(transport=http.AsyncBaseTransport(), timeout=timeout)
            # No limit and no waiting here: the caller bounds the calls in flight.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )

        def build_request(self, method: str, url: Any, **parts: Any) -> Any:
            """The parts that the openai client put together, to be sent as they are."""
            if parts.get("content") is None:  # a release that leaves the body to httpx
                whole = super().build_request(method, url, **parts)
                parts |= {"headers": whole.headers.multi_items(), "content": whole.content}
                url = whole.url
            headers = parts["headers"]
            return http.Request(
                method,
                parsed(str(url))[0],
                headers=headers,
                stream=http.ByteStream(b""),  # the body travels as it is, and is not read again
                extensions={"parts": (dict(headers), parts["content"])},
            )

        async def send(self, request: Any, **_: Any) -> Any:
            """Send once: nothing is redirected, no cookie is kept."""
            headers, content = request.extensions["parts"]
            _, url, proxy = parsed(str(request.url))
            try:
                async with self._session.request(
                    request.method,
                    url,
                    headers={k: v for k, v in headers.items() if k.lower() not in _OF_AIOHTTP},
                    data=content,
                    timeout=patience,
                    proxy=proxy,
                    allow_redirects=False,
                ) as answer:
                    body = await answer.read()
            except TimeoutError as error:  # aiohttp's own are subclasses
                raise http.ReadTimeout(str(error) or "timed out", request=request) from error
            except (aiohttp.ClientError, OSError) as error:
                raise http.ConnectError(str(error), request=request) from error
            kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in _UNPACKED]
            return http.Response(answer.status, headers=kept, content=body, request=request)

        async def aclose(self) -> None:
            """Close the connections."""
            await self._session.close()
            await super().aclose()

    return Client()


def _proxy(scheme: str, host: str) -> str | None:
    """The proxy the environment asks for; aiohttp's own look-up takes a thread for every call."""
    return None if proxy_bypass(host) else getproxies().get(scheme)
