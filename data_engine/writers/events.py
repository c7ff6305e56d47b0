"""Facial events of a clip are told from intensities by `facellm.tasks.events`, for every room."""

from facellm.core.sample import Event
from facellm.tasks.events import (
    NICKNAMES,
    REST_BELOW,
    Series,
    all_events,
    events_of,
    peaks,
    series_of,
)

__all__ = [
    "NICKNAMES",
    "REST_BELOW",
    "Event",
    "Series",
    "all_events",
    "events_of",
    "peaks",
    "series_of",
]
