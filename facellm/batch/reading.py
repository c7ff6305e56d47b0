"""Reading the frames of a job, or of a piece of it: groups for the model, rows, parts.

Where groups begin and end depends on nothing but the stream from their first moment on, and parts
end with groups: batches, and so the answers, are the same after a resume.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from facellm.batch.inputs import Item
from facellm.batch.local import Captioner
from facellm.batch.parts import Counts, Parts, State
from facellm.batch.stream import Moment, stream
from facellm.core.errors import FaceLLMError
from facellm.core.fex import Row, error_row, rows_of
from facellm.core.report import FaceReport
from facellm.faces.sampling import Sampling
from facellm.faces.track import Tracker

MOST_PIXELS = 64_000_000
"""Of the pictures that are handed over at once, unless one alone has more."""
AHEAD = 4
"""Threads that load pictures and look for faces while the model works."""
Ahead = Future[object] | None


class Sampled(Protocol):
    """How clips are sampled."""

    fps: float
    sample: Sampling


def read(
    items: Iterable[Item],
    parts: Parts,
    captioner: Captioner,
    sampling: Sampled,
    keep_every: float,
    show: Callable[[float, Counts], None],
) -> None:
    """Read what is left of some items, part by part.

    Args:
        items: all of them, those that are done as well.
        parts: opened; says where to go on.
        captioner: reads the pictures.
        sampling: of clips.
        keep_every: seconds of work between two parts.
        show: told how many items are done, and the counts, after each group.
    """
    state, kept = parts.state, time.monotonic()
    rows: list[Row] = []
    moments = stream(items, state.place, sampling.fps, sampling.sample)
    for group, looked in _looked(moments, captioner):
        state = _caption_group(group, looked, captioner, state, rows)
        last = group[-1]
        show(last.after.item + last.share * (last.share < 1), state.counts)
        if time.monotonic() - kept >= keep_every:
            parts.add(rows, state)
            rows, kept = [], time.monotonic()
    parts.add(rows, state.model_copy(update={"done": True}))


def _looked(
    moments: Iterator[Moment], captioner: Captioner
) -> Iterator[tuple[list[Moment], list[Ahead]]]:
    """Groups of moments with what was found out ahead; one group is ahead of the model."""
    with ThreadPoolExecutor(AHEAD) as threads:

        def look(moment: Moment) -> object:
            assert moment.load is not None
            return captioner.look(moment.load())

        waiting: tuple[list[Moment], list[Ahead]] | None = None
        try:
            for group in _groups(moments, captioner.group):
                ahead = [None if one.load is None else threads.submit(look, one) for one in group]
                if waiting is not None:
                    yield waiting
                waiting = group, ahead
            if waiting is not None:
                yield waiting
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _groups(moments: Iterator[Moment], most: int) -> Iterator[list[Moment]]:
    group: list[Moment] = []
    pixels = 0
    for moment in moments:
        if group and (len(group) == most or pixels + moment.pixels > MOST_PIXELS):
            yield group
            group, pixels = [], 0
        group.append(moment)
        pixels += moment.pixels
    if group:
        yield group


def _caption_group(
    group: list[Moment], ahead: list[Ahead], captioner: Captioner, state: State, rows: list[Row]
) -> State:
    """Append the rows of a group; returns the state after it."""
    results: dict[int, FaceReport | FaceLLMError] = {}
    looked: dict[int, object] = {}
    for place, (moment, future) in enumerate(zip(group, ahead, strict=True)):
        if future is None:
            results[place] = FaceLLMError(moment.error or "")
            continue
        try:
            looked[place] = future.result()
        except FaceLLMError as error:
            results[place] = error
    results |= zip(looked, captioner.describe(list(looked.values())), strict=True)
    clip, tracker, counts = state.clip, state.tracker, state.counts.model_dump()
    for place, moment in enumerate(group):
        result = results[place]
        if moment.clip is not None and moment.clip != clip:
            clip, tracker = moment.clip, Tracker()
        if isinstance(result, FaceLLMError):
            reason = " ".join(str(result).split())
            made = [error_row(moment.label, reason, moment.frame, moment.time)]
        else:
            if moment.clip is not None and moment.time is not None:
                tracker, result = tracker.follow(result, moment.time)
            made = rows_of(result, moment.label, moment.frame, moment.time)
        _count(counts, made)
        rows += made
    return State(place=group[-1].after, clip=clip, tracker=tracker, counts=Counts(**counts))


def _count(counts: dict[str, int], made: list[Row]) -> None:
    failed = made[0]["error"] is not None
    faces = sum(row["face"] is not None for row in made)
    counts["frames"] += not failed
    counts["errors"] += failed
    counts["no_face"] += not failed and not faces
    counts["faces"] += faces
    counts["rows"] += len(made)
    counts["warnings"] += sum(row["warning"] is not None for row in made)
