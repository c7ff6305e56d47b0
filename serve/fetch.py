"""Fetching a picture from an allowed address, and from nowhere else.

The name in the URL must be in the list, and must lead to a public address: a name of the list that
points to this machine or its network (by mistake, or by an attacker's name server) is refused, as
is a redirect. The connection is made to the very addresses that were looked at. An address of a
private network is fetched from only where the list names it by its number.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from facellm.core.errors import FaceLLMError


async def fetch(url: str, allowed: Sequence[str], most: int, seconds: float) -> bytes:
    """The content at an address.

    Args:
        url: http or https.
        allowed: host names, exactly.
        most: bytes; not one more is read.
        seconds: for all of it.

    Raises:
        FaceLLMError: another host, a private address, a redirect, no answer, too much content.
    """
    try:
        address = URL(url)
    except ValueError:
        raise FaceLLMError("the address of the image is not valid") from None
    if address.scheme not in ("http", "https") or address.host not in allowed:
        raise FaceLLMError("the image is not from one of the domains that this server allows")
    if _is_number(address.host):
        resolver: AbstractResolver | None = None  # the list names this very address
    else:
        resolver = _Public()
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=seconds),
                auto_decompress=False,  # a small answer must not unpack to gigabytes
                trust_env=False,
            ) as session,
            session.get(address, allow_redirects=False) as answer,
        ):
            return await _content(answer, most)
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise FaceLLMError("the image could not be fetched from its address") from None


async def _content(answer: aiohttp.ClientResponse, most: int) -> bytes:
    if 300 <= answer.status < 400:
        raise FaceLLMError("the address of the image redirects; give the one it leads to")
    if answer.status != 200:
        raise FaceLLMError(f"the image could not be fetched: its server answered {answer.status}")
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > most:
            raise FaceLLMError(f"the image is larger than {most / 1024**2:g} MB")
    return bytes(content)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet, and neither this machine nor a network's."""
    number: Any = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(number, "ipv4_mapped", None) or getattr(number, "sixtofour", None)
    number = inner or number
    return bool(number.is_global and not number.is_multicast)


class _Public(AbstractResolver):
    """Resolves names to public addresses alone."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(is_public(one["host"]) for one in found):
            raise FaceLLMError("the image's domain leads to an address that is not public")
        return found

    async def close(self) -> None:
        await self._inner.close()
