"""What a decoder process runs: little besides Pillow, so that it starts fast and stays small."""

import os
import signal
import threading
from multiprocessing import parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from facellm.core.errors import FaceLLMError
from facellm.faces.image import load_image

SIDE = 1280
"""Pixels of a frame's longer side at most: a clip is many pictures."""
SECONDS = 10.0
"""To read a clip in; others wait for the same decoders."""

Pixels = tuple[tuple[int, int], bytes]
"""Width and height, and RGB of 8 bits, row by row."""


def decode(data: bytes) -> Pixels:
    """An encoded picture as pixels.

    Raises:
        FaceLLMError: a picture that cannot be read.
    """
    image = load_image(data)
    return image.size, image.tobytes()


def decode_clip(data: bytes, count: int) -> list[tuple[float, Pixels]]:
    """At most `count` frames of an encoded clip, evenly spread, with their times in seconds.

    Raises:
        FaceLLMError: a clip that cannot be read, or not in `SECONDS`.
    """
    from facellm.faces.clips import frames_shown

    before = signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        # FFmpeg wants a name; what lies behind it stays in memory, and never reaches a disk.
        with TemporaryDirectory() as folder, os.fdopen(os.memfd_create("clip"), "wb") as memory:
            memory.write(data)
            memory.flush()
            path = Path(folder) / "the clip"
            path.symlink_to(f"/proc/self/fd/{memory.fileno()}")
            shown = frames_shown(path, count)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    for frame in shown:
        frame.image.thumbnail((SIDE, SIDE))
    return [(frame.time, (frame.image.size, frame.image.tobytes())) for frame in shown]


def _too_slow(*_: object) -> NoReturn:
    raise FaceLLMError(
        f"the clip takes longer than {SECONDS:g} s to read; send a shorter or smaller one, or read "
        "it by `facellm caption`"
    )


def stay_with_parent() -> None:
    """End this process when the one that started it ends, however it does, and not before."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
