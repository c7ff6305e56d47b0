"""Pictures are decoded elsewhere: a decoder that breaks down takes no server with it."""

import gc
import os
import signal
import threading
import time
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.faces import load_image

pytest.importorskip("vllm", reason="vLLM is not installed")
from vllm.exceptions import GracefulHTTPError

from serve import metrics
from serve.pictures import Pictures

pytestmark = pytest.mark.slow


def png(width: int, height: int) -> bytes:
    buffer = BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def test_what_comes_back_is_what_load_image_gives(astronaut: Image.Image) -> None:
    buffer = BytesIO()
    astronaut.convert("RGBA").rotate(3).save(buffer, "PNG")
    read = Pictures(1).read(buffer.getvalue())
    assert np.array_equal(np.asarray(read), np.asarray(load_image(buffer.getvalue())))
    with pytest.raises(FaceLLMError, match="not an image"):
        Pictures(1).read(b"text")


def test_a_decoder_that_dies_is_replaced_and_nobody_else_notices() -> None:
    pictures = Pictures(2)
    pictures.read(png(10, 10))
    before = metrics.DECODERS_LOST._value.get()
    large, read, wrong = png(2500, 2500), [], []

    def ask() -> None:
        try:
            read.append(pictures.read(large).size)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    os.kill(next(iter(pictures._pool._processes)), signal.SIGKILL)  # type: ignore[union-attr]
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert read == [(2500, 2500)] * 4
    assert metrics.DECODERS_LOST._value.get() == before + 1
    assert pictures.read(png(10, 10)).size == (10, 10)


def test_a_picture_that_ends_its_decoder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from serve import pictures as module

    # No such picture is known for this Pillow: a process that ends by itself stands for it.
    monkeypatch.setattr(module, "decode", _end)
    with pytest.raises(FaceLLMError, match="ended its decoder"):
        Pictures(1).read(b"evil")


def _end(data: bytes) -> Any:
    os.abort()


def test_pictures_take_turns_for_memory_and_give_it_back() -> None:
    pictures = Pictures(1, at_once=300)
    held = [pictures.read(png(10, 10)) for _ in range(3)]
    with pytest.raises(GracefulHTTPError, match="try again later"):
        pictures.read(png(10, 10), patience=0.1)
    timer = threading.Timer(0.2, held.clear)
    timer.start()
    assert pictures.read(png(10, 10), patience=30).size == (10, 10)
    gc.collect()
    assert pictures._free == 300
