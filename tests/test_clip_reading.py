"""Clips: faces keep their number, flicker makes no event, and what is told can be read back."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scripted import ScriptedEngine

from facellm.core.clip_report import FrameReport
from facellm.core.errors import FaceLLMError
from facellm.core.report import Expression, FaceReading, FaceReport
from facellm.core.sample import Event
from facellm.faces import GivenFinder
from facellm.faces.track import Tracker, main_track
from facellm.reader import FaceReader
from facellm.tasks.read_events import Told, read_events
from facellm.video import describe_clip, events, line, steadied

Box = tuple[float, float, float, float]


def box(x: float, y: float = 0.0, size: float = 10.0) -> Box:
    return x, y, x + size, y + size


def follow(*frames: Sequence[Box], every: float = 0.2) -> list[list[int]]:
    tracker, numbers = Tracker(), []
    for place, boxes in enumerate(frames):
        # What a job keeps between two runs is the state as JSON.
        tracker = Tracker.model_validate_json(tracker.model_dump_json())
        tracker, now = tracker.step(boxes, place * every)
        numbers.append(now)
    return numbers


def test_overlap_beats_order() -> None:
    # Face 1 leaves at the left and somebody new enters at the right.
    assert follow([box(0), box(30)], [box(1), box(31)], [box(32), box(60)]) == [
        [1, 2],
        [1, 2],
        [2, 3],
    ]


def test_faces_that_pass_each_other_keep_their_numbers() -> None:
    frames = [[box(min(a, b)), box(max(a, b))] for a, b in ((0, 40), (4, 36), (8, 32))]
    crossing = [
        [box(12, 8), box(28)],
        [box(18, 8), box(22)],
        [box(17), box(23, 8)],
        [box(12), box(28, 8)],
    ]
    assert follow(*frames, *crossing)[-1] == [2, 1]


def test_a_fast_face_is_paired_by_order_but_not_across_the_room() -> None:
    assert follow([box(0), box(50)], [box(9), box(51)]) == [[1, 2], [1, 2]]
    assert follow([box(0)], [box(50)]) == [[1], [2]]
    assert follow([box(0)], [box(4, 0, 40)]) == [[1], [2]]  # four times as large


def test_a_face_that_was_away_for_long_is_new() -> None:
    assert follow([box(0)], [], [], [box(0)]) == [[1], [], [], [1]]
    assert follow([box(0)], [], [], [box(0)], every=1.0) == [[1], [], [], [2]]


def reading(
    track: int, units: dict[str, float], unread: bool = False, size: float = 10
) -> FaceReading:
    return FaceReading(
        index=1, box=box(0, 0, size), points=[], confidence=1, evidence=[], text="",
        expression=Expression(label="neutral", probabilities={}), action_units=units,
        unread=["action_units"] if unread else [], track=track,
    )  # fmt: skip


def clip(*values: float | None, every: float = 0.2) -> list[FrameReport]:
    """One face with this intensity of AU12 frame by frame; None where it could not be read."""
    frames = []
    for place, value in enumerate(values):
        units = {"AU12": value} if value else {}
        faces = [reading(1, units, value is None)]
        report = FaceReport(width=9, height=9, faces=faces, finder="given", model="x")
        frames.append(FrameReport(number=place, time=round(place * every, 3), report=report))
    return frames


def test_a_smile_is_one_event_with_its_times() -> None:
    [one] = events(clip(0, 0, 0, 2, 4, 4, 3, 1, 0, 0))
    assert one.event == Event(action_unit=12, onset=0.4, apex=0.8, offset=1.6, intensity=4)
    assert one.text == "0.4–0.8 s: smile onset (AU12, pronounced), apex at 0.8 s, over by 1.6 s"


def test_a_slip_in_one_frame_is_no_event_unless_frames_are_far_apart() -> None:
    assert events(clip(0, 0, 4, 0, 0)) == []
    assert len(events(clip(0, 3, 3, 0, 3, 3, 0))) == 1  # nor does it cut one in two
    assert len(events(clip(0, 0, 4, 0, 0, every=0.5))) == 1


def test_wavering_between_the_thresholds_is_one_event() -> None:
    assert len(events(clip(0, 2, 2, 1, 1, 2, 2, 1, 1, 0, 0))) == 1
    assert events(clip(0, 1, 1, 1, 0)) == []


def test_frames_that_could_not_be_read_say_nothing() -> None:
    [one] = events(clip(0, 0, 3, 3, None, 3, 3, 0, 0))
    assert (one.event.onset, one.event.offset) == (0.2, 1.4)


def test_steadying_keeps_the_ends_and_the_times() -> None:
    points = [(0.0, 3.0), (0.1, 0.0), (0.2, 5.0), (0.3, 0.0)]
    assert steadied(points) == [(0.0, 3.0), (0.1, 3.0), (0.2, 0.0), (0.3, 0.0)]
    assert steadied(points[:2]) == points[:2]


@pytest.mark.parametrize("onset", [None, 0.4])
@pytest.mark.parametrize("offset", [None, 2.4])
def test_lines_are_read_back(onset: float | None, offset: float | None) -> None:
    event = Event(action_unit=12, onset=onset, apex=1.6, offset=offset, intensity=3)
    told = read_events(line(event))
    assert isinstance(told, Told)
    [one] = told.events
    assert (one.action_unit, one.onset, one.apex, one.intensity) == ("AU12", onset, 1.6, 3)


def test_the_main_face_is_the_largest_over_time() -> None:
    faces = [reading(1, {}, size=10), reading(2, {}, size=12), reading(1, {}, size=10)]
    assert main_track(faces) == 1
    assert main_track([]) is None


GRID = np.stack(np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 4)), -1).reshape(-1, 2)


def test_a_real_clip_is_read_in_order(shared_folder: Path) -> None:
    path = shared_folder / "data" / "videos" / "pyfeat_neutral_smile_neutral.mp4"
    pytest.importorskip("av", reason="PyAV is not installed")
    if not path.is_file():
        pytest.skip(f"no {path}; set FACELLM_SHARED")
    reader = FaceReader(ScriptedEngine(), GivenFinder([GRID * 50 + 100]))
    report = reader.describe_video(path, fps=10)
    assert [frame.time for frame in report.frames] == pytest.approx(
        [n / 10 for n in range(24)], abs=1e-3
    )
    assert report.main == 1 and report.problem is None
    assert "cheek raise (AU6, slight) under way" in report.text
    frame = report.to_fex("smile.mp4")
    assert frame["track"].tolist() == [1] * 24 and frame["frame"].is_monotonic_increasing


def test_bad_clips(tmp_path: Path) -> None:
    reader = FaceReader(ScriptedEngine(), GivenFinder())
    (tmp_path / "text.mp4").write_text("nothing")
    with pytest.raises(FaceLLMError, match="not readable as a video"):
        reader.describe_video(tmp_path / "text.mp4")
    with pytest.raises(FaceLLMError, match="no such video"):
        reader.describe_video(tmp_path / "gone.mp4")
    with pytest.raises(FaceLLMError, match="expected a rate above 0"):
        reader.describe_video(tmp_path / "text.mp4", fps=0)


def test_few_frames_are_in_memory_together(shared_folder: Path) -> None:
    path = shared_folder / "data" / "videos" / "pyfeat_neutral_smile_neutral.mp4"
    if not path.is_file():
        pytest.skip(f"no {path}; set FACELLM_SHARED")
    sizes: list[int] = []

    def describe(images: Sequence[Image.Image]) -> list[FaceReport]:
        sizes.append(len(images))
        return [FaceReport(width=1, height=1, faces=[], finder="x", model="x") for _ in images]

    report = describe_clip(path, describe, fps=30)
    assert sum(sizes) == len(report.frames) == 72 and max(sizes) == 16
    assert report.text == "No face was found in this clip."


def test_pictures_read_together_are_those_read_alone() -> None:
    reader = FaceReader(ScriptedEngine(), GivenFinder([GRID * 20 + 10, GRID * 20 + 60]))
    images = [Image.new("RGB", (100, 60), (n, 0, 0)) for n in range(3)]
    assert reader.describe_many(images) == [reader.describe(image) for image in images]
    assert reader.describe(images[0]).plot().width > 100


def test_a_question_about_a_clip_shows_all_of_its_frames(tmp_path: Path) -> None:
    """A GIF that moves is a clip; two people stand in it, the larger one on the right."""
    pytest.importorskip("av", reason="PyAV is not installed")
    frames = [Image.new("RGB", (64, 48), (n * 60, 90, 90)) for n in range(4)]
    frames[0].save(
        tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=200, loop=0
    )
    finder = GivenFinder([GRID * 10 + (5, 5), GRID * 30 + (30, 10)])
    engine = ScriptedEngine()
    answer = FaceReader(engine, finder).ask_video(tmp_path / "a.gif", "What happens?", frames=3)
    [asked] = engine.asked
    assert answer
    assert len(asked.pictures) == 3
    assert asked.question.startswith("The 3 pictures are frames of one clip, in order, at 0.0, ")
    assert asked.question.endswith("What happens?")
    for _, points in asked.pictures:
        assert np.shape(points) == (2, 68, 2)
        assert np.asarray(points)[0, :, 0].min() > 25, "the larger person is face 1"
    with pytest.raises(FaceLLMError, match="no face"):
        FaceReader(engine, GivenFinder()).ask_video(tmp_path / "a.gif", "What happens?")
