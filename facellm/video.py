"""Reading a clip: its frames a few at a time, its faces followed, its events told with times.

path ── sampled frames ── describe, a batch at a time ── follow faces ── ClipReport
                                               intensities per face and unit ── events
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path

from PIL import Image

from facellm.core.clip_report import ClipEvent, ClipReport, FrameReport
from facellm.core.errors import FaceLLMError
from facellm.core.evidence import state
from facellm.core.facs import unit
from facellm.core.grammar import cite
from facellm.core.report import FaceReport
from facellm.core.sample import Event
from facellm.faces.sampling import Sampling, sampled
from facellm.faces.track import Tracker, main_track
from facellm.faces.video import Moment
from facellm.tasks.events import NICKNAMES, Series, all_events

BATCH = 16
"""Frames that are in memory, and described, together."""
STEADY = 0.3
"""Seconds between frames up to which a unit stated in one frame alone is taken for a slip."""

Describe = Callable[[Sequence[Image.Image]], list[FaceReport]]


def describe_clip(
    path: Path, describe: Describe, fps: float, sample: Sampling = "uniform"
) -> ClipReport:
    """Read a clip; see `FaceReader.describe_video`.

    Args:
        path: a video file.
        describe: reads pictures, all of them at once.
        fps: frames a second of the clip's time.
        sample: which frames, see `facellm.faces.sampling`.

    Raises:
        FaceLLMError: nothing of the clip can be read.
    """
    read: list[FrameReport] = []
    tracker, problem = Tracker(), None
    moments = sampled(path, fps, sample)
    while True:
        batch, problem = _take(moments, BATCH)
        if problem and not batch and not read:
            raise FaceLLMError(problem)
        reports = describe([Image.fromarray(moment.image) for moment in batch]) if batch else []
        for moment, report in zip(batch, reports, strict=True):
            tracker, followed = tracker.follow(report, moment.time)
            read.append(FrameReport(number=moment.number, time=moment.time, report=followed))
        if len(batch) < BATCH:
            break
    main = main_track(face for frame in read for face in frame.report.faces)
    return ClipReport(frames=read, events=events(read), main=main, problem=problem)


def one_face(read: Iterable[tuple[int, float, FaceReport]]) -> ClipReport:
    """The report on a clip whose frames show one face each, known to be the same, or none.

    Args:
        read: of each frame the count of frames before it, seconds, and what was read of it.
    """
    frames = []
    for number, time, report in read:
        faces = [face.model_copy(update={"track": 1}) for face in report.faces]
        same = report.model_copy(update={"faces": faces})
        frames.append(FrameReport(number=number, time=time, report=same))
    main = 1 if any(frame.report.faces for frame in frames) else None
    return ClipReport(frames=frames, events=events(frames), main=main)


def _take(moments: Iterator[Moment], count: int) -> tuple[list[Moment], str | None]:
    """The next frames, and why there are no more of them where the clip is damaged."""
    taken: list[Moment] = []
    try:
        for moment in moments:
            taken.append(moment)
            if len(taken) == count:
                break
    except FaceLLMError as error:
        return taken, str(error)
    return taken, None


def events(frames: Sequence[FrameReport]) -> list[ClipEvent]:
    """What the faces do, in order of onset.

    A unit begins to act where its intensity leaves rest (0.75), counts if it reaches 1.5, and is
    over where it is back at rest. Where frames lie close together, each intensity is the median of
    itself and its neighbours first: a reader that errs in one frame makes no event.
    """
    told = [
        ClipEvent(track=track, event=event, text=line(event))
        for track, units in series_of(frames).items()
        for event in all_events({n: steadied(points) for n, points in units.items()})
    ]
    return sorted(told, key=lambda one: (one.event.onset or 0.0, one.event.apex, one.track))


def series_of(frames: Sequence[FrameReport]) -> dict[int, dict[int, Series]]:
    """Track → unit → its intensity in each frame that shows the face, for units ever stated."""
    seen: dict[int, list[tuple[float, dict[int, float], bool]]] = {}
    for frame in frames:
        for face in frame.report.faces:
            if face.track is not None:
                units = {int(code[2:]): value for code, value in face.action_units.items()}
                unread = "action_units" in face.unread
                seen.setdefault(face.track, []).append((frame.time, units, unread))
    series: dict[int, dict[int, Series]] = {}
    for track, read in seen.items():
        stated = sorted(set(chain.from_iterable(units for _, units, _ in read)))
        series[track] = {
            n: [(time, units.get(n, 0.0)) for time, units, lost in read if n in units or not lost]
            for n in stated
        }
    return series


def steadied(points: Series) -> Series:
    """Each value the median of three, where the frames are at most `STEADY` seconds apart."""
    gaps = [after[0] - before[0] for before, after in pairwise(points)]
    if len(points) < 3 or max(gaps) > STEADY:
        return points
    values = [value for _, value in points]
    inner = [sorted(values[place - 1 : place + 2])[1] for place in range(1, len(values) - 1)]
    smooth = [values[0], *inner, values[-1]]
    return [(time, value) for (time, _), value in zip(points, smooth, strict=True)]


def line(event: Event) -> str:
    """An event as a line with its times; `facellm.tasks.read_events` reads it back."""
    number = event.action_unit
    name = NICKNAMES.get(number, unit(number).name.lower())
    apex, cited = f"{event.apex:.1f}", cite(state(number, event.intensity))
    if event.onset is None:
        text = f"0.0–{apex} s: {name} {cited} under way, apex at {apex} s"
    else:
        text = f"{event.onset:.1f}–{apex} s: {name} onset {cited}, apex at {apex} s"
    return text if event.offset is None else f"{text}, over by {event.offset:.1f} s"
