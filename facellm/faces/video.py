"""Read clips frame by frame: upright RGB, one frame in memory at a time, whatever the length.

Decoding is linear and exact: seeking would land on key frames, which short clips have few of.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from facellm.core.errors import FaceLLMError, given
from facellm.faces.image import MAX_PIXELS

INSTALL = "reading videos needs a package: pip install 'facellm[data]'"
TRUNCATED = 0.9
"""A clip whose frames end before this share of its stated duration was cut off."""


class Moment(NamedTuple):
    """One decoded frame."""

    number: int
    """Count of frames before it."""
    time: float
    """Seconds from the clip's first frame."""
    image: np.ndarray
    """(H, W, 3) uint8 RGB, turned upright by the clip's own rotation."""


def frames(
    path: Path, *, every: float = 0.0, only: Collection[int] | None = None
) -> Iterator[Moment]:
    """Decode a clip in order of time; frames that are not asked for are never turned into RGB.

    Args:
        path: anything FFmpeg reads: mp4, mkv, webm, avi, gif.
        every: seconds that lie at least between two frames; 0 gives all.
        only: numbers of the frames to give; nothing is decoded after the last of them.

    Raises:
        FaceLLMError: a missing file, no video, no frames, too large frames, or a clip that breaks
            off: its frames before that have been yielded by then.
    """
    last = max(only, default=-1) if only is not None else None
    due, number, time, first = 0.0, -1, 0.0, 0.0
    with _opened(path) as (container, stream):
        step = float(1 / stream.average_rate) if stream.average_rate else 0.0
        for number, frame in enumerate(_decode(container, stream, path)):
            stated = frame.time if frame.time is not None else number * step
            first = stated if number == 0 else first
            time = stated - first
            if last is not None and number > last:
                return
            # Frames at 30 a second are stored a hair early or late: half a millisecond of grace.
            if number in only if only is not None else time >= due - 5e-4:
                yield Moment(number, round(time, 4), _upright(frame))
                due = time + every
        stated_end = _stated_duration(container, stream)
    if number < 0:
        raise FaceLLMError(f"{given(path.name)} holds no frames; expected a video")
    if last is None and stated_end and time + step < TRUNCATED * stated_end:
        raise FaceLLMError(
            f"{given(path.name)} is cut off: it ends after {time + step:.2f} s of "
            f"{stated_end:.2f} s; fetch it again"
        )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream."""
    try:
        import av
    except ImportError:
        raise FaceLLMError(INSTALL) from None
    if not path.is_file():
        raise FaceLLMError(f"no such video file: {given(path.name)}")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        why = "it is empty (0 bytes)" if path.stat().st_size == 0 else type(error).__name__
        raise FaceLLMError(f"{given(path.name)} is not readable as a video: {why}") from None
    with container:
        if not container.streams.video:
            raise FaceLLMError(f"{given(path.name)} has no video stream")
        stream = container.streams.video[0]
        size = (stream.width or 0) * (stream.height or 0)
        if size > MAX_PIXELS:
            raise FaceLLMError(
                f"frames of {given(path.name)} are too large ({stream.width} × {stream.height}); "
                f"the bound is {MAX_PIXELS / 1e6:g} megapixels"
            )
        # One thread: a decoder's threads each hold frames, and shards are what runs side by side.
        stream.thread_type = "NONE"
        yield container, stream


def _decode(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    import av

    try:
        yield from container.decode(stream)
    except (av.FFmpegError, OSError) as error:
        raise FaceLLMError(f"{given(path.name)} is damaged: {type(error).__name__}") from None


def _upright(frame: Any) -> np.ndarray:
    turns = round(frame.rotation / 90) % 4  # counter-clockwise, as numpy counts too
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


def _stated_duration(container: Any, stream: Any) -> float:
    """Seconds of video by the header; 0 where it does not say, or may speak of the sound."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and not container.streams.audio:
        return float(container.duration) / 1e6
    return 0.0


def duration(path: Path) -> float:
    """Seconds of video as the header states them, 0 where it does not; reads no frame.

    Raises:
        FaceLLMError: as `frames` does before its first frame.
    """
    with _opened(path) as (container, stream):
        return _stated_duration(container, stream)
