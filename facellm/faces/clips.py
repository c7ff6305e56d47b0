"""Clips as a model is shown them: chosen frames with their times, their people kept apart.

clip ─ uniform | peaks ─► ShownFrame, ShownFrame, … ─ follow ─► person 1, person 2, … of each frame

Training, evaluation and questions all take frames, places and words from here, so that a model is
asked about clips in the form in which it has learned from them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Face, Frame
from facellm.faces.sampling import LOOK_EVERY, Looked, moving, nearest, peaks
from facellm.faces.track import FORGET, Tracker
from facellm.faces.video import frames

FRAMES = 16
"""Of one clip at most, unless said."""
Spread = Literal["uniform", "peaks"]
T = TypeVar("T")


class ShownFrame(NamedTuple):
    """One frame of a clip as a model is shown it."""

    number: int
    """Count of the clip's frames before it."""
    time: float
    """Seconds from the clip's first frame."""
    image: Image.Image
    faces: list[Face] | None
    """As the clip has them; None where nobody has looked for them."""


def frames_shown(
    path: Path, count: int = FRAMES, how: Spread = "uniform", known: Sequence[Frame] = ()
) -> list[ShownFrame]:
    """At most `count` frames of a clip, in order of time.

    Args:
        path: a video file.
        count: frames at most.
        how: evenly from the first to the last, or where most moves.
        known: frames whose faces are known: then it is some of these, evenly.

    Raises:
        FaceLLMError: a missing or damaged file.
    """
    looked = moving(frames(path, every=LOOK_EVERY if how == "peaks" and not known else 0.0))
    chosen: dict[int, list[Face] | None]
    if known:
        chosen = {nearest(looked, frame.time): frame.faces for frame in _spread(known, count)}
    else:
        chosen = dict.fromkeys(_numbers(looked, count, how))
    return [
        ShownFrame(number, time, Image.fromarray(image), chosen[number])
        for number, time, image in frames(path, only=set(chosen))
    ]


def told(times: Sequence[float]) -> str:
    """What a question about a clip begins with: which moments its pictures show."""
    if len(times) == 1:
        return f"The picture is the frame of a clip at {times[0]:.1f} s."
    each = [f"{time:.1f}" for time in times]
    return (
        f"The {len(each)} pictures are frames of one clip, in order, "
        f"at {', '.join(each[:-1])} and {each[-1]} s."
    )


def people(
    seen: Sequence[tuple[float, Sequence[Face]]], most: int | None = None
) -> list[list[Face | None]]:
    """Each frame's faces by person: a place is the same person in all frames, None where away.

    The main person, whose face is largest over all frames, comes first, the others as they appear,
    from left to right. A face keeps its person as `facellm.faces.track` follows it; it may be away
    for two seconds, or for one frame where frames lie further apart.

    Args:
        seen: seconds and faces of each frame, in order of time.
        most: people to keep, those with the largest faces; None keeps all.
    """
    tracker, clock, before = Tracker(), 0.0, 0.0
    numbers: list[list[int]] = []
    area: dict[int, float] = {}
    for time, faces in seen:
        clock, before = clock + min(time - before, FORGET / 2), time
        tracker, these = tracker.step([face.box for face in faces], clock)
        numbers.append(these)
        for number, face in zip(these, faces, strict=True):
            x0, y0, x1, y1 = face.box
            area[number] = area.get(number, 0.0) + (x1 - x0) * (y1 - y0)
    by_size = sorted(area, key=lambda number: (-area[number], number))[:most]
    ordered = by_size[:1] + sorted(by_size[1:])
    return [
        [dict(zip(these, faces, strict=True)).get(number) for number in ordered]
        for these, (_, faces) in zip(numbers, seen, strict=True)
    ]


def main_alone(seen: Sequence[Frame]) -> list[Frame]:
    """The frames with the main person's face alone, or none where that person is away.

    Where no frame shows two faces, they are all of one person.
    """
    if all(len(frame.faces) < 2 for frame in seen):
        return list(seen)
    persons = people([(frame.time, frame.faces) for frame in seen], most=1)
    return [
        frame.model_copy(update={"faces": [face for face in one if face]})
        for frame, one in zip(seen, persons, strict=True)
    ]


def people_shown(
    shown: Sequence[ShownFrame],
    find: Callable[[Image.Image], Sequence[Face]],
    most: int,
    name: str,
) -> list[list[NDArray[np.float32] | None]]:
    """Each frame's points (68, 2) in pixels, person by person, None for who is away.

    Args:
        shown: frames of one clip.
        find: looks for faces in a frame where nobody has, or where they have no points.
        most: people at most.
        name: of the clip, for errors.

    Raises:
        FaceLLMError: no face in any frame.
    """
    seen = [
        (one.time, find(one.image) if one.faces is None or _bare(one.faces) else one.faces)
        for one in shown
    ]
    if not any(faces for _, faces in seen):
        raise FaceLLMError(
            f"no face in any of the {len(shown)} frames shown of clip {given(name)}; "
            "expected a clip that shows a face, choose another"
        )
    return [
        [None if face is None else np.array(face.points, np.float32) for face in persons]
        for persons in people(seen, most)
    ]


def _bare(faces: Sequence[Face]) -> bool:
    return any(face.points is None for face in faces)


def _numbers(looked: list[Looked], count: int, how: Spread) -> list[int]:
    """Of evenly spread frames, first and last among them; of peaks of motion, those there are."""
    if how == "uniform":
        return _spread([frame.number for frame in looked], count)
    apart = (looked[-1].time - looked[0].time) / (2 * count)
    return peaks(looked, count, apart) or [looked[0].number]


def _spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of them, evenly, both ends included; the middle one where one is wanted."""
    if len(items) <= count:
        return list(items)
    if count == 1:
        return [items[len(items) // 2]]
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]
