"""Facial events in a clip: when an action unit starts to act, is strongest, and is gone again."""

from collections.abc import Sequence

from facellm.core.sample import Event, FaceLabels, Frame
from facellm.tasks.units import whole

REST_BELOW = 0.75
"""Intensity under which a unit counts as at rest again. The gap to `EVENT_FROM` keeps a wavering
unit one event."""
EVENT_FROM = 1.5
"""Intensity from which an event is seen: it rounds to slight."""

NICKNAMES = {
    4: "frown", 9: "nose wrinkle", 12: "smile", 26: "jaw drop", 43: "eye closure", 45: "blink",
    6: "cheek raise", 18: "pucker", 2: "brow flash",
}  # fmt: skip
"""What people call the movement of a single unit."""

Series = list[tuple[float, float]]
"""Times in seconds and intensities 0-5 of one unit, in order."""


def series_of(frames: Sequence[Frame]) -> dict[int, Series]:
    """The intensities of every rated unit of the first face, over the frames that have it."""
    series: dict[int, Series] = {}
    for frame in frames:
        labels = frame.faces[0].labels if frame.faces else FaceLabels()
        for n, value in (labels.action_units or {}).items():
            if n not in labels.presence_only:  # has no apex
                series.setdefault(n, []).append((frame.time, value))
    return dict(sorted(series.items()))


def events_of(action_unit: int, series: Series) -> list[Event]:
    """The times this unit acts, in order."""
    events = []
    start: int | None = None
    for place in range(len(series) + 1):
        resting = place == len(series) or series[place][1] < REST_BELOW
        if not resting:
            start = place if start is None else start
        elif start is not None:
            run = series[start:place]
            apex, peak = max(run, key=lambda point: (point[1], -point[0]))
            if peak >= EVENT_FROM:
                events.append(
                    Event(
                        action_unit=action_unit,
                        onset=series[start - 1][0] if start else None,
                        apex=apex,
                        offset=series[place][0] if place < len(series) else None,
                        intensity=whole(peak),
                    )
                )
            start = None
    return events


def all_events(series: dict[int, Series]) -> list[Event]:
    """The events of all units in order of their onset, those under way at the start first."""
    events = [event for n, points in series.items() for event in events_of(n, points)]
    return sorted(events, key=lambda e: (-1.0 if e.onset is None else e.onset, e.apex))


def peaks(series: dict[int, Series]) -> dict[int, float]:
    """The strongest intensity of each unit over the clip."""
    return {n: max(value for _, value in points) for n, points in series.items()}
