"""Chat completions over HTTP, for many calls at once to one server.

A call is one POST whose answer is read whole, which aiohttp (the `data` extra brings it) does for a
quarter of the CPU that the openai client takes with it, and a tenth of that client's own HTTP. What
that client is kept for elsewhere is done here by its rules: when a call is tried again, how long it
waits, which variables of the environment count.
"""

import asyncio
import os
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from facellm.core.errors import FaceLLMError

OPENAI = "https://api.openai.com/v1"
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
"""Seconds before the second attempt, doubled for each further one, and at most."""
MOST_PATIENCE = 120.0
"""Seconds that a server may ask to be left alone for; a call it would put off longer has failed."""
_AGAIN = (408, 409, 429)
_OF_OPENAI = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    text: str


class Unreached(Exception):
    """The last attempt got no answer: the server is not there, or hung up."""


class ChatClient:
    """The chat completions of one server. Make it inside the event loop that will use it."""

    def __init__(self, base_url: str | None, key: str, timeout: float, max_retries: int) -> None:
        """Open the client; it connects with the first call.

        Args:
            base_url: such as `http://localhost:8000/v1`; None is `OPENAI_BASE_URL`, else OpenAI's.
            key: sent as the bearer token.
            timeout: seconds of one attempt.
            max_retries: further attempts.

        Raises:
            FaceLLMError: aiohttp is missing, or an address that is none.
        """
        try:
            import aiohttp
        except ImportError:
            raise FaceLLMError(
                "a teacher behind a server needs aiohttp: pip install 'facellm[data]'"
            ) from None
        self.base_url = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI).rstrip("/")
        address = urlsplit(self.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise FaceLLMError(
                f"{self.base_url!r} is no address of a server; expected one such as "
                "http://localhost:8000/v1"
            )
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "User-Agent": "facellm",
        }
        if self.base_url == OPENAI:
            headers |= {h: os.environ[name] for name, h in _OF_OPENAI.items() if name in os.environ}
        self._url, self._retries = f"{self.base_url}/chat/completions", max_retries
        # Looked up once: aiohttp's own look-up takes a thread for every call.
        bypassed = proxy_bypass(address.hostname)
        self._proxy = None if bypassed else getproxies().get(address.scheme)
        self._errors: tuple[type[Exception], ...] = (aiohttp.ClientError, OSError)
        self._session = aiohttp.ClientSession(
            # No limit and no waiting here: the caller bounds the calls in flight.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=timeout),
        )

    async def post(self, body: bytes) -> Reply:
        """Send a request of JSON; the answer of the first attempt that is not tried again.

        Raises:
            TimeoutError: the last attempt took too long.
            Unreached: the last attempt got no answer.
        """
        for attempt in range(self._retries + 1):
            wait = min(FIRST_WAIT * 2.0**attempt, LONGEST_WAIT) * random.uniform(0.75, 1)
            last = attempt == self._retries
            try:
                async with self._session.post(
                    self._url, data=body, proxy=self._proxy, allow_redirects=False
                ) as answer:
                    reply = Reply(answer.status, (await answer.read()).decode(errors="replace"))
                    asked = asked_wait(answer.headers)
                    if last or not _worth_another(answer.status, answer.headers, asked):
                        return reply
                    wait = asked or wait
            except TimeoutError:  # aiohttp's own are subclasses
                if last:
                    raise
            except self._errors as error:
                if last:
                    raise Unreached(str(error) or type(error).__name__) from error
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def _worth_another(status: int, headers: Mapping[str, str], asked: float | None) -> bool:
    """Whether another attempt may fare better, by the status unless the server itself says."""
    if asked is not None and asked > MOST_PATIENCE:
        return False
    told = headers.get("x-should-retry")
    if told in ("true", "false"):
        return told == "true"
    return status in _AGAIN or status >= 500


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds for which the server asks to be left alone; None where it does not say."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return seconds if seconds > 0 else None
