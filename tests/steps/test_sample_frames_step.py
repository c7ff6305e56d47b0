"""Which frames of a clip are taken, and what becomes of a clip that cannot be read."""

import csv

import numpy as np
import pytest
from pydantic import ValidationError
from step_items import clip_of, face_at, outcome, sample_of, texture, write_video

from data_engine.steps import sample_frames
from data_engine.steps.sample_frames import Looked, SampleFrames, peaks
from facellm.core.sample import FaceLabels, Frame
from facellm.faces.mediapipe import FoundFace

pytest.importorskip("av", reason="PyAV is not installed")


def grey(level, size=(48, 64)):
    return np.full((*size, 3), level, np.uint8)


@pytest.fixture
def jump(tmp_path):
    """Two still seconds, dark and light, at ten frames a second: all change is at 1.0 s."""
    write_video(tmp_path / "jump.mp4", [grey(40)] * 10 + [grey(200)] * 10)
    return tmp_path


def times(folder, clip=None, **options):
    step = SampleFrames(finder="none", **options)
    ((kept,), rejects) = outcome(step, [clip or clip_of("jump.mp4")], folder)
    assert not rejects
    return [frame.time for frame in kept.frames]


def test_uniform_frames_are_the_middles_of_equal_parts(jump):
    # 1.9 s in two parts of 0.95 s: middles 0.475 and 1.425.
    assert times(jump, count=2) == [0.5, 1.4]
    assert times(jump, count=100) == [n / 10 for n in range(20)]


def test_peak_and_change_go_where_something_happens(jump):
    assert times(jump, how="peak", count=3) == [1.0]
    assert times(jump, how="change", count=3) == [1.0]


def looked(*scores):
    return [Looked(n, n / 10, score) for n, score in enumerate(scores)]


def test_peaks_are_separate_prominent_maxima():
    nan = float("nan")
    assert peaks(looked(0, 1, 4, 1, 0, 1, 3, 1), 2, 0.2) == [2, 6]
    assert peaks(looked(0, 1, 4, 1, 0, 1, 3, 1), 1, 0.2) == [2]
    assert peaks(looked(0, 1, 4, 1, 0, 1, 3, 1), 2, 0.5) == [2]  # 0.4 s apart
    assert peaks(looked(0, 4, 4, 4, 0), 2, 0.1) == [2]  # the middle of a plateau
    assert peaks(looked(5, 4, 3), 2, 0.1) == [0] and peaks(looked(3, 4, 5), 2, 0.1) == [2]
    assert peaks(looked(0, 4, 3.9, 3.95, 0), 2, 0.1) == [1]  # a ripple is no peak
    assert peaks(looked(0, 0, 0), 2, 0.1) == [] == peaks(looked(nan, nan), 2, 0.1)
    assert peaks(looked(nan, 2, nan, 5, 5), 3, 0.1) == [1, 3]


def test_peaks_of_a_unit_are_where_the_largest_face_shows_it(jump, monkeypatch):
    """The face smiles while the picture is light: the apex is not where the motion is."""

    class Seeing:
        def find_with_blendshapes(self, image):
            smile = {"mouthSmileLeft": 0.9 if np.asarray(image).mean() > 100 else 0.1}
            return [FoundFace(face_at(20, 20, 10), smile), FoundFace(face_at(50, 20, 2), {})]

    monkeypatch.setattr(sample_frames, "mediapipe_of", lambda model, step: Seeing())
    step = SampleFrames(how="peak", unit=12, count=3, finder="mediapipe", finder_model=jump)
    ((kept,), _) = outcome(step, [clip_of("jump.mp4")], jump)
    (frame,) = kept.frames
    assert 1.3 <= frame.time <= 1.6 and len(frame.faces) == 2
    assert frame.faces[0].labels.action_units[12] > 4
    assert frame.faces[0].labels.weak == {"action_units"}


def test_frames_become_pictures_with_the_clips_provenance(jump):
    clip = clip_of("jump.mp4", labels=FaceLabels(emotion="fear"), split="val")
    step = SampleFrames(finder="none", output="samples", count=2, encoding="png")
    kept, _ = outcome(step, [clip], jump)
    assert len(kept) == 2 and all((jump / k.image).is_file() for k in kept)
    assert all(k.split == "val" and k.provenance == clip.provenance for k in kept)
    assert all(not k.faces for k in kept)  # the clip's emotion is about the clip


def test_frames_that_are_known_are_kept_and_can_become_pictures(jump):
    face = face_at(30, 20, 10, labels=FaceLabels(emotion="anger"))
    clip = clip_of("jump.mp4", frames=[Frame(time=0.31, faces=[face]), Frame(time=1.5, faces=[])])
    assert times(jump, clip) == [0.31, 1.5]
    kept, _ = outcome(SampleFrames(finder="none", output="samples"), [clip], jump)
    assert [k.faces for k in kept] == [[face], []]


def test_bad_clips_are_rejects_and_others_go_on(jump):
    data = (jump / "jump.mp4").read_bytes()
    (jump / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    (jump / "empty.mp4").write_bytes(b"")
    write_video(jump / "still.mp4", [grey(90)] * 5)
    names = ("cut.mp4", "empty.mp4", "gone.mp4", "still.mp4", "jump.mp4")
    picture = sample_of(jump, "a.png", texture(1))
    items = [*(clip_of(name) for name in names), picture]
    kept, rejects = outcome(SampleFrames(how="peak", finder="none"), items, jump)
    assert [k.id for k in kept] == ["clip-jump.mp4", picture.id]
    reasons = [(r.item_id, r.reason) for r in rejects]
    assert reasons == [
        ("clip-cut.mp4", "unreadable_file"), ("clip-empty.mp4", "unreadable_file"),
        ("clip-gone.mp4", "missing_file"), ("clip-still.mp4", "no_peak"),
    ]  # fmt: skip


def test_no_face_anywhere_is_a_reject(jump, monkeypatch):
    class Blind:
        def find(self, image):
            return []

    monkeypatch.setattr(sample_frames, "finder_of", lambda name, model: Blind())
    _, (reject,) = outcome(SampleFrames(), [clip_of("jump.mp4")], jump)
    assert (reject.reason, reject.detail) == ("no_face", "in none of 8 frames")


@pytest.mark.parametrize("options", [{"unit": 12}, {"finder": "mediapipe"}, {"count": 0},
                                     {"unit": 6, "finder_model": "."}])  # fmt: skip
def test_wrong_options_are_refused(options):
    with pytest.raises(ValidationError):
        SampleFrames(**options)


@pytest.mark.slow
def test_a_real_smile_begins_where_it_is_seen_to(finder_model, clips_folder):
    with (clips_folder / "labels.csv").open(encoding="utf-8") as file:
        names = [r["path"] for r in csv.DictReader(file) if "smile->" in r["expression_as_viewed"]]
    step = SampleFrames(
        how="uniform", count=6, finder="mediapipe", finder_model=finder_model, unit=12
    )
    ((kept,), _) = outcome(step, [clip_of(names[0])], clips_folder)
    smiles = [frame.faces[0].labels.action_units[12] for frame in kept.frames]
    assert smiles[0] < 1 and min(smiles[2:]) > 3
