"""Turn whatever a user hands over into an upright 8-bit RGB picture, or say in one line why not.

The size is read from the header and checked before a pixel is decoded, so a small file that
unpacks to gigabytes costs nothing. Pillow's own bound (`Image.MAX_IMAGE_PIXELS`) is a global of the
process and is left as it is: threads that load pictures at the same time cannot disturb each other.
"""

import struct
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from facellm.core.errors import FaceLLMError, given

MAX_PIXELS = 100_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
"""What is read. EPS and the like are left out: decoding them starts other programs."""
ImageSource = str | Path | bytes | Image.Image | np.ndarray
_BAD_EXIF = (ValueError, SyntaxError, KeyError, TypeError, OSError, struct.error)


def load_image(source: ImageSource, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Load a picture as upright RGB, 8 bits a channel, at its full size.

    EXIF orientation is applied, transparency is laid on white, 16-bit values are scaled (not
    clipped) and of an animation the first frame is taken. The source is not changed.

    Args:
        source: path, encoded bytes, Pillow image or array: (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4) of uint8, uint16, bool or floats in [0, 1].
        max_pixels: refuse pictures with more pixels than this, before decoding them.

    Raises:
        FaceLLMError: a missing file, a folder, an empty, foreign, truncated or too large picture.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels)
    if isinstance(source, Image.Image):
        return _decode(source, "the image", max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        if not data:
            raise FaceLLMError("the image is empty (0 bytes); expected an encoded picture")
        return _open(BytesIO(data), f"the image of {len(data)} bytes", max_pixels)
    if isinstance(source, str | Path):
        return _open(_existing(source), given(source), max_pixels)
    raise FaceLLMError(
        f"cannot load a picture from {type(source).__name__}; "
        "expected a path, bytes, a Pillow image or an array"
    )


def _existing(source: str | Path) -> Path:
    path = Path(source)
    try:
        if path.is_dir():
            raise FaceLLMError(f"{given(source)} is a folder; expected an image file")
        if not path.exists():
            raise FaceLLMError(f"no such image file: {given(source)}")
        if not path.is_file():
            raise FaceLLMError(f"{given(source)} is not a regular file; expected an image file")
        if path.stat().st_size == 0:
            raise FaceLLMError(f"{given(source)} is empty (0 bytes); expected an image file")
    except (OSError, ValueError) as error:
        if isinstance(error, FaceLLMError):
            raise
        raise FaceLLMError(f"cannot read {given(source)}; check the name and its rights") from None
    return path


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this build of Pillow has a decoder for."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _open(file: Path | BytesIO, name: str, max_pixels: int) -> Image.Image:
    try:
        opened = Image.open(file, formats=_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise FaceLLMError(_too_large(name, "", max_pixels)) from None
    except UnidentifiedImageError:
        raise FaceLLMError(
            f"{name} is not an image that can be read; expected {', '.join(_formats())}"
        ) from None
    except PermissionError:
        raise FaceLLMError(f"cannot read {name}; check its rights") from None
    except Exception:  # a decoder met a damaged header: the types differ from format to format
        raise FaceLLMError(f"{name} is damaged: its header cannot be read") from None
    with opened:
        return _decode(opened, name, max_pixels)


def _decode(image: Image.Image, name: str, max_pixels: int) -> Image.Image:
    """Check the size, only then decode, orient and convert."""
    _check_size(image.width, image.height, name, max_pixels)
    try:
        image.load()
        try:
            upright = ImageOps.exif_transpose(image)
        except _BAD_EXIF:  # unreadable EXIF says nothing about the orientation
            upright = image
        return _to_rgb(upright)
    except FaceLLMError:
        raise
    except Exception:  # as above: OSError, SyntaxError, struct.error, zlib.error, IndexError …
        raise FaceLLMError(f"{name} is truncated or damaged: its pixels cannot be read") from None


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise FaceLLMError(f"{name} has no pixels ({width} × {height})")
    if width * height > max_pixels:
        raise FaceLLMError(_too_large(name, f" ({width} × {height})", max_pixels))


def _too_large(name: str, size: str, max_pixels: int) -> str:
    bound = f"{max_pixels / 1e6:g}"
    return f"{name} is too large{size}; the bound is {bound} megapixels, scale it down first"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_array(_to_unit(np.asarray(image)), image.width * image.height)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    # `convert` returns the very object (or a lazy file) when the mode fits: callers own a copy.
    return image.copy() if image.mode == "RGB" else image.convert("RGB")


def _to_unit(values: np.ndarray) -> np.ndarray:
    """Scale grey values of unknown depth to [0, 1] by the smallest common depth that holds them."""
    values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(min=0)
    top = values.max()
    whole = np.array_equal(values, values.round())
    depths = (255.0, 65535.0) if whole else (1.0, 255.0, 65535.0)
    return values / next((depth for depth in depths if top <= depth), top)


def _from_array(array: np.ndarray, max_pixels: int) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise FaceLLMError(
            f"the image array has shape {array.shape}; expected (H, W), (H, W, 3) or (H, W, 4)"
        )
    _check_size(array.shape[1], array.shape[0], "the image array", max_pixels)
    return _to_rgb(Image.fromarray(np.ascontiguousarray(_to_bytes(array))))


def _to_bytes(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        return (array.astype(np.float32) / 257 + 0.5).astype(np.uint8)
    kind, low, high = array.dtype.kind, 0, 255
    if kind == "f":
        high = 1
    if kind not in "fiu" or not ((array >= low) & (array <= high)).all():
        raise FaceLLMError(
            f"the image array of {array.dtype} holds values outside its range; "
            "expected uint8, uint16, bool, integers in [0, 255] or floats in [0, 1]"
        )
    return (array * 255 + 0.5).astype(np.uint8) if kind == "f" else array.astype(np.uint8)
