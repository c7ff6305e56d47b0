"""How pictures and clips enter the server: decoded by the code used everywhere, size checked first.

vLLM's own reader lets through what facellm refuses (pictures that unpack to gigabytes end in a
server error), converts some modes differently, and follows redirects of an allowed domain to
wherever they lead. Remote and local addresses stay closed unless vLLM's options open them.
"""

import asyncio
import binascii
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pybase64
import vllm.envs as envs
from PIL import Image
from vllm.multimodal.media import MediaConnector, MediaIO, MediaWithBytes
from vllm.multimodal.media.connector import MEDIA_CONNECTOR_REGISTRY
from vllm.multimodal.media.image import ImageMediaIO

from facellm.core.errors import FaceLLMError
from serve.fetch import fetch
from serve.limits import MAX_BYTES
from serve.pictures import pictures

CONNECTOR = "facellm"
_NAMES = {"image": "pictures", "video": "clips"}
_threads = ThreadPoolExecutor(8, "pictures")
"""Of their own: who waits for room here must not keep the finder from making it."""


class FaceImageIO(ImageMediaIO):
    """Reads encoded pictures; keeps the bytes, which are the cache key."""

    kind = "image"

    def load_bytes(self, data: bytes) -> MediaWithBytes[Image.Image]:
        return MediaWithBytes(pictures.read(data), data)

    def load_base64(self, media_type: str, data: str) -> MediaWithBytes[Image.Image]:
        return self.load_bytes(decode_base64(data))

    def load_file(self, filepath: Path) -> MediaWithBytes[Image.Image]:
        return self.load_bytes(filepath.read_bytes())


class FaceClipIO(MediaIO[list[tuple[float, Image.Image]]]):
    """Reads encoded clips: at most `count` frames with their times."""

    kind = "video"

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def load_bytes(self, data: bytes) -> list[tuple[float, Image.Image]]:
        return pictures.clip(data, self.count)

    def load_base64(self, media_type: str, data: str) -> list[tuple[float, Image.Image]]:
        return self.load_bytes(decode_base64(data, self.kind))

    def load_file(self, filepath: Path) -> list[tuple[float, Image.Image]]:
        return self.load_bytes(filepath.read_bytes())


@MEDIA_CONNECTOR_REGISTRY.register(CONNECTOR)
class FaceMediaConnector(MediaConnector):
    """vLLM's connector with our reader and with every address but `data:` closed by default."""

    def fetch_image(self, image_url: str, *, image_mode: str | None = "RGB") -> Any:
        return self.load_from_url(
            image_url, FaceImageIO(), fetch_timeout=envs.VLLM_IMAGE_FETCH_TIMEOUT
        )

    async def fetch_image_async(self, image_url: str, *, image_mode: str | None = "RGB") -> Any:
        return await self.load_from_url_async(
            image_url, FaceImageIO(), fetch_timeout=envs.VLLM_IMAGE_FETCH_TIMEOUT
        )

    def load_from_url(
        self, url: str, media_io: MediaIO[Any], *, fetch_timeout: int | None = None
    ) -> Any:
        if self._is_remote(url, _kind(media_io)):
            # In a thread: this one may run an event loop already.
            return _threads.submit(asyncio.run, self._remote(url, media_io, fetch_timeout)).result()
        return super().load_from_url(url, media_io, fetch_timeout=fetch_timeout)

    async def load_from_url_async(
        self, url: str, media_io: MediaIO[Any], *, fetch_timeout: int | None = None
    ) -> Any:
        if self._is_remote(url, _kind(media_io)):
            return await self._remote(url, media_io, fetch_timeout)
        return await super().load_from_url_async(url, media_io, fetch_timeout=fetch_timeout)

    async def _remote(self, url: str, media_io: MediaIO[Any], seconds: float | None) -> Any:
        most = media_io.get_max_bytes() or MAX_BYTES
        data = await fetch(url, self.allowed_media_domains, most, seconds or 30)
        return await asyncio.to_thread(media_io.load_bytes, data)

    def _is_remote(self, url: str, kind: str) -> bool:
        """Whether an address is to be fetched.

        Raises:
            FaceLLMError: an address that is closed, or none.
        """
        scheme = url.partition(":")[0].lower()
        if scheme == "data":
            if ";base64," not in url[:200]:
                raise FaceLLMError(f"the {kind} URL is not data:{kind}/…;base64,…")
        elif scheme in ("http", "https"):
            if not self.allowed_media_domains:
                raise FaceLLMError(
                    f"remote {_NAMES[kind]} are off; send a data:{kind}/…;base64,… URL, or start "
                    "the server with --allowed-media-domains"
                )
        elif scheme == "file":
            if self.allowed_local_media_path is None:
                raise FaceLLMError(
                    f"local files are off; send a data:{kind}/…;base64,… URL, or start the server "
                    "with --allowed-local-media-path"
                )
        else:
            raise FaceLLMError(f"the {kind} is no URL; expected data:{kind}/…;base64,…")
        return scheme in ("http", "https")


def _kind(media_io: MediaIO[Any]) -> str:
    assert isinstance(media_io, FaceImageIO | FaceClipIO), "no other media are read"
    return media_io.kind


def decode_base64(data: str, kind: str = "image") -> bytes:
    """Strict base64.

    Raises:
        FaceLLMError: text that is not base64.
    """
    try:
        return pybase64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise FaceLLMError(f"the {kind} is not valid base64") from None


async def decode_image(text: str) -> Image.Image:
    """A picture from a `data:` URL or bare base64, as RGB, without holding up other requests.

    Raises:
        FaceLLMError: neither, or a picture that cannot be read.
    """
    return await asyncio.get_running_loop().run_in_executor(_threads, _decode_image, text)


def _decode_image(text: str) -> Image.Image:
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise FaceLLMError("the image URL is not data:image/…;base64,…")
    elif "://" in text[:16]:
        raise FaceLLMError("image must be base64 or a data:image/…;base64,… URL")
    return pictures.read(decode_base64(text))
