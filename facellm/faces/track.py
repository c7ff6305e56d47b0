"""Faces of a clip keep their number from frame to frame: by overlap, then by their order.

A face goes on as the one whose box it overlaps most. Frames that lie far apart may leave no
overlap: what is left over on both sides is then paired from left to right, as long as the pair is
near and of like size. A face that has been away for a while comes back under a new number; nobody
is recognised.
"""

from collections.abc import Iterable, Sequence

from pydantic import Field

from facellm.core.report import FaceReading, FaceReport
from facellm.core.sample import Box, Record
from facellm.faces.crop import overlap

OVERLAP = 0.3
"""Intersection over union from which two boxes are one face."""
NEAR = 1.0
"""Distance of the centres of a pair without overlap, in widths of the larger box, at most."""
LIKE = 2.0
"""Ratio of their widths at most."""
FORGET = 2.0
"""Seconds after which a face that is not seen is over."""


class Track(Record):
    """A face that is being followed."""

    number: int = Field(ge=1)
    box: Box
    time: float
    """Seconds at which it was last seen."""


class Tracker(Record):
    """What is known before a frame; `step` gives what is known after it."""

    tracks: tuple[Track, ...] = ()
    count: int = 0
    """Faces so far."""

    def step(self, boxes: Sequence[Box], time: float) -> tuple["Tracker", list[int]]:
        """Follow the faces of the next frame; returns the numbers of the boxes, in their order."""
        before = [track for track in self.tracks if time - track.time <= FORGET]
        numbers = _by_overlap(before, boxes)
        numbers |= _by_order(
            [t for t in before if t.number not in numbers.values()], boxes, numbers
        )
        count = self.count
        for place in range(len(boxes)):
            if place not in numbers:
                count += 1
                numbers[place] = count
        ordered = [numbers[place] for place in range(len(boxes))]
        seen = [Track(number=n, box=box, time=time) for n, box in zip(ordered, boxes, strict=True)]
        away = [track for track in before if track.number not in ordered]
        return Tracker(tracks=(*seen, *away), count=count), ordered

    def follow(self, report: FaceReport, time: float) -> tuple["Tracker", FaceReport]:
        """The same for a report: its faces with their `track`."""
        after, numbers = self.step([face.box for face in report.faces], time)
        faces = [
            face.model_copy(update={"track": number})
            for face, number in zip(report.faces, numbers, strict=True)
        ]
        return after, report.model_copy(update={"faces": faces})


def _by_overlap(tracks: Sequence[Track], boxes: Sequence[Box]) -> dict[int, int]:
    """Place of a box → number of its track, the largest overlaps first."""
    pairs = [
        (overlap(track.box, box), track.number, place)
        for track in tracks
        for place, box in enumerate(boxes)
    ]
    numbers: dict[int, int] = {}
    for share, number, place in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:])):
        if share >= OVERLAP and place not in numbers and number not in numbers.values():
            numbers[place] = number
    return numbers


def _by_order(
    tracks: Sequence[Track], boxes: Sequence[Box], taken: Iterable[int]
) -> dict[int, int]:
    left = [place for place in range(len(boxes)) if place not in set(taken)]
    if len(left) != len(tracks):
        return {}
    ordered = sorted(tracks, key=lambda track: track.box[0] + track.box[2])
    left.sort(key=lambda place: boxes[place][0] + boxes[place][2])
    return {
        place: track.number
        for place, track in zip(left, ordered, strict=True)
        if _alike(track.box, boxes[place])
    }


def _alike(a: Box, b: Box) -> bool:
    widths = sorted((a[2] - a[0], b[2] - b[0]))
    away = max(abs(a[0] + a[2] - b[0] - b[2]), abs(a[1] + a[3] - b[1] - b[3])) / 2
    return away <= NEAR * widths[1] and widths[1] <= LIKE * widths[0]


def main_track(faces: Iterable[FaceReading]) -> int | None:
    """The track with the largest area over all frames, the first seen of equals."""
    area: dict[int, float] = {}
    for face in faces:
        if face.track is not None:
            x0, y0, x1, y1 = face.box
            area[face.track] = area.get(face.track, 0.0) + (x1 - x0) * (y1 - y0)
    return max(area, key=lambda track: (area[track], -track), default=None)
