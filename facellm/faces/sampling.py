"""Which frames of a clip are worth looking at: evenly in time, where it changes, or moves most."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np

from facellm.core.errors import FaceLLMError
from facellm.faces.video import Moment, duration, frames

Sampling = Literal["uniform", "change", "peaks"]
LOOK_EVERY = 0.1
"""Seconds between the frames that are looked at for motion."""
THUMB = 64
PROMINENCE = 0.1
CHANGED = 0.01
"""Mean difference of grey thumbnails, in [0, 1], from which two frames are not the same: a head
that turns, a smile that fills the picture; more than what compression adds to a still one."""


class Looked(NamedTuple):
    """What a first pass keeps of a frame."""

    number: int
    time: float
    score: float
    """How much it differs from the one before in [0, 1], or a unit's intensity 0-5; NaN where no
    face shows the unit."""


def sampled(path: Path, fps: float, how: Sampling = "uniform") -> Iterator[Moment]:
    """The frames of a clip to read, in order of time.

    Args:
        path: a video file.
        fps: frames a second of the clip's time: that many, evenly (`uniform`); those of them that
            differ from the one read before (`change`); or at most that many, at the peaks of motion
            (`peaks`, which decodes the clip twice).
        how: see `fps`.

    Raises:
        FaceLLMError: see `frames`; a rate that is not positive.
    """
    if fps <= 0:
        raise FaceLLMError(f"{fps:g} frames a second; expected a rate above 0")
    if how != "peaks":
        evenly = frames(path, every=1 / fps)
        return changed(evenly) if how == "change" else evenly
    looked = moving(frames(path, every=min(LOOK_EVERY, 1 / fps)))
    most = max(1, round((duration(path) or looked[-1].time) * fps))
    return frames(path, only=set(peaks(looked, most, 1 / fps)) or {looked[0].number})


def moving(moments: Iterable[Moment]) -> list[Looked]:
    """How much each frame differs from the one before: the mean difference of grey thumbnails."""
    looked: list[Looked] = []
    before: np.ndarray | None = None
    for moment in moments:
        thumb = _thumbnail(moment)
        score = 0.0 if before is None else _difference(thumb, before)
        looked.append(Looked(moment.number, moment.time, score))
        before = thumb
    return looked


def changed(moments: Iterable[Moment]) -> Iterator[Moment]:
    """The first frame, and each that differs by `CHANGED` from the last one given."""
    last: np.ndarray | None = None
    for moment in moments:
        thumb = _thumbnail(moment)
        if last is None or _difference(thumb, last) >= CHANGED:
            last = thumb
            yield moment


def _thumbnail(moment: Moment) -> np.ndarray:
    grey = cv2.cvtColor(moment.image, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.int16)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean() / 255)


def nearest(looked: list[Looked], time: float) -> int:
    """Number of the frame closest to a time, the earlier of two."""
    return min(looked, key=lambda frame: (abs(frame.time - time), frame.time)).number


def peaks(looked: list[Looked], count: int, apart: float) -> list[int]:
    """Numbers of the highest local maxima above zero, at least `apart` seconds from each other.

    A maximum counts if it stands out from its surroundings by `PROMINENCE` of the series' range. Of
    a plateau the middle counts; the clip's first and last frame may be maxima.
    """
    from scipy.signal import find_peaks  # comes with ImageHash, as the extra `data`

    scores = np.nan_to_num(np.array([frame.score for frame in looked]), nan=0.0)
    low, high = float(scores.min()), float(scores.max())
    padded = np.concatenate([[low - 1], scores, [low - 1]])
    found, _ = find_peaks(padded, prominence=max(PROMINENCE * (high - low), 1e-9))
    chosen: list[Looked] = []
    for place in sorted(found - 1, key=lambda n: (-scores[n], n)):
        far = all(abs(looked[place].time - other.time) >= apart for other in chosen)
        if far and scores[place] > 0 and len(chosen) < count:
            chosen.append(looked[place])
    return sorted(frame.number for frame in chosen)
