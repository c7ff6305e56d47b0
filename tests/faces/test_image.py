"""Every way a picture can arrive, and every way it can be wrong."""

import io
import struct
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.faces import load_image

RED = (200, 30, 40)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def empty_png(width: int, height: int) -> bytes:
    """A PNG of a stated size with hardly any data: what a decompression bomb looks like."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def the_error(source: object, **options: int) -> str:
    with pytest.raises(FaceLLMError) as caught:
        load_image(source, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return text


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_formats_from_path_and_bytes(tmp_path: Path, kind: str) -> None:
    data = encoded(Image.new("RGB", (40, 30), RED), kind)
    path = tmp_path / "picture"
    path.write_bytes(data)
    for source in (path, str(path), data):
        image = load_image(source)
        assert (image.mode, image.size) == ("RGB", (40, 30))
        assert np.abs(np.array(image.getpixel((20, 15))) - RED).max() < 12


def test_every_orientation_comes_out_upright() -> None:
    upright = Image.new("RGB", (60, 40))
    upright.paste(RED, (0, 0, 30, 20))  # red upper left quarter
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # undoes each EXIF orientation
    for orientation, turn in turns.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = upright.transpose(Image.Transpose(turn))
        image = load_image(encoded(stored, "PNG", exif=exif))
        assert image.size == (60, 40), orientation
        assert image.getpixel((5, 5)) == RED, orientation
        assert image.getpixel((55, 35)) == (0, 0, 0), orientation


def test_damaged_exif_is_ignored() -> None:
    data = encoded(Image.new("RGB", (8, 6), RED), "JPEG", exif=b"Exif\0\0garbage that is no TIFF")
    assert load_image(data).size == (8, 6)


def test_transparency_is_laid_on_white() -> None:
    for mode, clear in (("RGBA", (0, 0, 0, 0)), ("LA", (0, 0))):
        image = load_image(encoded(Image.new(mode, (4, 4), clear), "PNG"))
        assert image.getpixel((1, 1)) == (255, 255, 255)
    half = load_image(Image.new("RGBA", (4, 4), (0, 0, 0, 128)))
    assert half.getpixel((0, 0)) == (127, 127, 127)


def test_palettes_and_transparent_palettes() -> None:
    indexed = Image.new("P", (4, 4), 1)
    indexed.putpalette([0, 0, 0, *RED])
    assert load_image(encoded(indexed, "PNG")).getpixel((2, 2)) == RED
    assert load_image(encoded(indexed, "PNG", transparency=1)).getpixel((2, 2)) == (255,) * 3


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "YCbCr", "HSV", "I;16", "I", "F"])
def test_modes_become_rgb(mode: str) -> None:
    image = load_image(Image.new("L", (6, 5), 255).convert(mode))
    assert (image.mode, image.size) == ("RGB", (6, 5))


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    deep = np.array([[0, 32768, 65535]], np.uint16)
    file = encoded(Image.fromarray(deep), "PNG")
    for image in (load_image(file), load_image(deep)):
        assert [image.getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (5, 5), RED), Image.new("RGB", (5, 5), (0, 255, 0))]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(data).getpixel((2, 2)) == RED


@pytest.mark.parametrize(
    "array",
    [
        np.full((5, 6), 255, np.uint8),
        np.full((5, 6, 1), 255, np.uint8),
        np.full((5, 6, 3), 1.0, np.float32),
        np.full((5, 6, 4), 255, np.int64),
        np.ones((5, 6), bool),
    ],
)
def test_arrays(array: np.ndarray) -> None:
    image = load_image(array)
    assert image.size == (6, 5)
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_the_source_is_not_changed() -> None:
    source = Image.new("RGB", (4, 4), RED)
    load_image(source).putpixel((0, 0), (0, 0, 0))
    assert source.getpixel((0, 0)) == RED


def test_bad_paths(tmp_path: Path) -> None:
    assert "no such image file" in the_error(tmp_path / "absent.jpg")
    assert "is a folder" in the_error(tmp_path)
    (tmp_path / "empty.jpg").touch()
    assert "empty (0 bytes)" in the_error(tmp_path / "empty.jpg")
    assert "\0" not in the_error("nul\0byte")
    assert len(the_error("x" * 5000)) < 200
    if Path("/dev/zero").exists():
        assert "not a regular file" in the_error("/dev/zero")


def test_bad_bytes() -> None:
    assert "empty (0 bytes)" in the_error(b"")
    text = the_error(b"secret words, no picture")
    assert "not an image" in text
    assert "secret" not in text
    assert "not an image" in the_error(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_files(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    text = the_error(data[: len(data) // 2])
    assert "truncated or damaged" in text or "not an image" in text or "header" in text


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow comments on each damaged tag
def test_flipped_bytes_give_a_picture_or_an_error_never_a_crash() -> None:
    rng = np.random.default_rng(1)
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"):
        data = np.frombuffer(encoded(Image.new("RGB", (16, 16), RED), kind), np.uint8)
        for _ in range(40):
            broken = data.copy()
            broken[rng.integers(0, len(data), 6)] = rng.integers(0, 256, 6)
            try:
                assert load_image(broken.tobytes()).mode == "RGB"
            except FaceLLMError as error:
                assert "\n" not in str(error)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bombs_are_refused_before_decoding() -> None:
    begun = time.monotonic()
    assert "100 megapixels" in the_error(empty_png(40_000, 40_000))
    assert "10000 × 12000" in the_error(empty_png(10_000, 12_000))
    assert time.monotonic() - begun < 1
    assert "0.01 megapixels" in the_error(Image.new("RGB", (200, 200)), max_pixels=10_000)
    assert "too large" in the_error(np.zeros((200, 200), np.uint8), max_pixels=10_000)


def test_the_bound_of_pillow_stays_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS
    data = encoded(Image.new("RGB", (64, 64), RED), "PNG")
    failures: list[object] = []

    def work(bound: int) -> None:
        for _ in range(20):
            try:
                load_image(data, max_pixels=bound)
            except FaceLLMError:
                if bound > 5000:
                    failures.append(bound)
            else:
                if bound < 4000:
                    failures.append(bound)

    threads = [threading.Thread(target=work, args=(b,)) for b in (1000, 10_000) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 40, 50), np.uint8),  # channels first
        np.zeros((5,), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.full((4, 4), 300, np.int32),
        np.full((4, 4), 3.5),
        np.full((4, 4), np.nan),
        np.full((4, 4), "x"),
    ],
)
def test_bad_arrays(array: np.ndarray) -> None:
    assert "array" in the_error(array)


def test_other_types() -> None:
    assert "NoneType" in the_error(None)
