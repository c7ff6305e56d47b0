"""How pictures enter the server: decoded by the same code as everywhere else, size checked first.

vLLM's own reader lets through what facellm refuses (pictures that unpack to gigabytes end in a
server error) and converts some modes differently. Remote and local addresses stay closed unless
vLLM's options open them.
"""

import binascii
from pathlib import Path
from typing import Any

import pybase64
from PIL import Image
from vllm.multimodal.media import MediaConnector, MediaWithBytes
from vllm.multimodal.media.connector import MEDIA_CONNECTOR_REGISTRY
from vllm.multimodal.media.image import ImageMediaIO

from facellm.core.errors import FaceLLMError
from facellm.faces import load_image

CONNECTOR = "facellm"


class FaceImageIO(ImageMediaIO):
    """Reads encoded pictures; keeps the bytes, which are the cache key."""

    def load_bytes(self, data: bytes) -> MediaWithBytes[Image.Image]:
        return MediaWithBytes(load_image(data), data)

    def load_base64(self, media_type: str, data: str) -> MediaWithBytes[Image.Image]:
        return self.load_bytes(decode_base64(data))

    def load_file(self, filepath: Path) -> MediaWithBytes[Image.Image]:
        return self.load_bytes(filepath.read_bytes())


@MEDIA_CONNECTOR_REGISTRY.register(CONNECTOR)
class FaceMediaConnector(MediaConnector):
    """vLLM's connector with our reader and with every address but `data:` closed by default."""

    def fetch_image(self, image_url: str, *, image_mode: str | None = "RGB") -> Any:
        self._check(image_url)
        return self.load_from_url(image_url, FaceImageIO())

    async def fetch_image_async(self, image_url: str, *, image_mode: str | None = "RGB") -> Any:
        self._check(image_url)
        return await self.load_from_url_async(image_url, FaceImageIO())

    def _check(self, url: str) -> None:
        scheme = url.partition(":")[0].lower()
        if scheme == "data":
            if ";base64," not in url[:200]:
                raise FaceLLMError("the image URL is not data:image/…;base64,…")
        elif scheme in ("http", "https"):
            if not self.allowed_media_domains:
                raise FaceLLMError(
                    "remote pictures are off; send a data:image/…;base64,… URL, or start the "
                    "server with --allowed-media-domains"
                )
        elif scheme == "file":
            if self.allowed_local_media_path is None:
                raise FaceLLMError(
                    "local files are off; send a data:image/…;base64,… URL, or start the server "
                    "with --allowed-local-media-path"
                )
        else:
            raise FaceLLMError("the image is no URL; expected data:image/…;base64,…")


def decode_base64(data: str) -> bytes:
    """Strict base64.

    Raises:
        FaceLLMError: text that is not base64.
    """
    try:
        return pybase64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise FaceLLMError("the image is not valid base64") from None


def decode_image(text: str) -> Image.Image:
    """A picture from a `data:` URL or bare base64, as RGB.

    Raises:
        FaceLLMError: neither, or a picture that cannot be read.
    """
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise FaceLLMError("the image URL is not data:image/…;base64,…")
    elif "://" in text[:16]:
        raise FaceLLMError("image must be base64 or a data:image/…;base64,… URL")
    return load_image(decode_base64(text))
