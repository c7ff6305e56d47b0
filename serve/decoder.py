"""What a decoder process runs: nothing but Pillow, so that it starts fast and stays small."""

import os
import signal
import threading
from multiprocessing import parent_process

from facellm.faces.image import load_image

Pixels = tuple[tuple[int, int], bytes]
"""Width and height, and RGB of 8 bits, row by row."""


def decode(data: bytes) -> Pixels:
    """An encoded picture as pixels.

    Raises:
        FaceLLMError: a picture that cannot be read.
    """
    image = load_image(data)
    return image.size, image.tobytes()


def stay_with_parent() -> None:
    """End this process when the one that started it ends, however it does, and not before."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
