"""Which frames of a clip are worth looking at: evenly in time, or where something moves."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np

from facellm.core.errors import FaceLLMError
from facellm.faces.video import Moment, duration, frames

Sampling = Literal["uniform", "peaks"]
LOOK_EVERY = 0.1
"""Seconds between the frames that are looked at for motion."""
THUMB = 64
PROMINENCE = 0.1


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
        fps: frames a second of the clip's time: that many, evenly (`uniform`), or at most that
            many, at the peaks of motion (`peaks`, which decodes the clip twice).
        how: see `fps`.

    Raises:
        FaceLLMError: see `frames`; a rate that is not positive.
    """
    if fps <= 0:
        raise FaceLLMError(f"{fps:g} frames a second; expected a rate above 0")
    if how == "uniform":
        return frames(path, every=1 / fps)
    looked = moving(frames(path, every=min(LOOK_EVERY, 1 / fps)))
    most = max(1, round((duration(path) or looked[-1].time) * fps))
    return frames(path, only=set(peaks(looked, most, 1 / fps)) or {looked[0].number})


def moving(moments: Iterable[Moment]) -> list[Looked]:
    """How much each frame differs from the one before: the mean difference of grey thumbnails."""
    looked: list[Looked] = []
    before: np.ndarray | None = None
    for moment in moments:
        thumb = cv2.resize(
            cv2.cvtColor(moment.image, cv2.COLOR_RGB2GRAY), (THUMB, THUMB),
            interpolation=cv2.INTER_AREA,
        ).astype(np.int16)  # fmt: skip
        score = 0.0 if before is None else float(np.abs(thumb - before).mean() / 255)
        looked.append(Looked(moment.number, moment.time, score))
        before = thumb
    return looked


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
