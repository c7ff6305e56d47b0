"""Who may talk to the page's process, and what a browser may do with what it answers.

A page on the internet can point its own name at 127.0.0.1 (DNS rebinding) or post a form to it
from a visitor's browser. The first shows in the Host header, the second in Origin.
"""

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: refuses foreign hosts and origins, sets the headers of every answer."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = ()) -> None:
        """Take names beside this machine's own under which the page is reached."""
        self._app = app
        self._hosts = {*HERE, *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the start and end of the process; there are no websockets
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        host = headers.get("host", "")
        origin = headers.get("origin")
        if _parts(f"//{host}").hostname not in self._hosts:
            reason = "this name is not served; start `facellm ui` with --allow-host NAME"
        elif origin is not None and _parts(origin).netloc != host:
            reason = "requests from other sites are refused"
        else:
            await self._app(scope, receive, with_headers)
            return
        await refusal(403, reason)(scope, receive, with_headers)


def refusal(status: int, message: str) -> JSONResponse:
    """An error in the shape of the API's own."""
    return JSONResponse({"error": {"message": message, "code": status}}, status)


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # such as an unclosed bracket
        return urlsplit("")
