"""The page's process: static files, the vocabulary, and the way to the API.

    browser ── /, /*.js, /vocabulary.json ──► here
            ── the API's routes of PASSED ──► here ── with the API key ──► facellm serve

The browser sees one origin, so nothing needs to be opened to others, and the key stays here.
Bodies are passed on as they arrive: no picture is held, stored or logged.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from serve.ui.guard import Guard, refusal
from serve.ui.vocabulary import vocabulary

STATIC = Path(__file__).parent / "static"
PASSED = {
    "/v1/models": "GET",
    "/v1/face/analyze": "POST",
    "/v1/face/maps": "POST",
    "/v1/face/ask": "POST",
}
"""What the page asks for: the server's other routes, such as those for adapters, stay closed."""
TIMEOUT = httpx.Timeout(300, connect=10)
KEPT = ("content-type", "content-length")


def page(server: str, api_key: str | None = None, hosts: Sequence[str] = ()) -> Starlette:
    """The application.

    Args:
        server: address of `facellm serve`, without a path.
        api_key: its key; the browser never sees it.
        hosts: names beside this machine's own under which the page is reached.
    """
    key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    words = vocabulary()

    async def passed(request: Request) -> Response:
        http: httpx.AsyncClient = request.app.state.http
        headers = {name: request.headers[name] for name in KEPT if name in request.headers}
        upload = Upload(request)
        asked = http.build_request(
            request.method,
            request.url.path,
            headers=headers,
            content=upload.pieces() if request.method == "POST" else None,
        )
        answer = None
        # Where the browser goes, the request is given up, and the server can stop reading faces.
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(upload.until_gone, waiting.cancel_scope)
            with suppress(httpx.HTTPError, ClientDisconnect):
                answer = await http.send(asked, stream=True)
            waiting.cancel_scope.cancel()
        if answer is None:
            return refusal(502, f"no answer from {server}; is `facellm serve` running there?")
        kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
        return StreamingResponse(_body(answer), answer.status_code, kept)

    @asynccontextmanager
    async def client(app: Starlette) -> AsyncIterator[None]:
        # A proxy of the environment must not see pictures meant for a server the user named.
        # Uncompressed, the length that the server announces is that of what is passed on.
        async with httpx.AsyncClient(
            base_url=server,
            headers={**key, "Accept-Encoding": "identity"},
            timeout=TIMEOUT,
            trust_env=False,
        ) as app.state.http:
            yield

    routes = [Route(path, passed, methods=[method]) for path, method in PASSED.items()]
    return Starlette(
        routes=[
            *routes,
            Route("/vocabulary.json", lambda _: JSONResponse(words)),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        lifespan=client,
    )


class Upload:
    """The body of a request on its way, and the browser that sent it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._sent = anyio.Event()
        if request.method == "GET":
            self._sent.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        async for piece in self._request.stream():
            yield piece
        self._sent.set()

    async def until_gone(self, scope: anyio.CancelScope) -> None:
        """Cancel a scope when the browser has closed the connection."""
        await self._sent.wait()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        scope.cancel()


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_raw():
            yield piece
    finally:
        # Where the browser has gone, so must the request: the model stops writing.
        with anyio.CancelScope(shield=True):
            await answer.aclose()
