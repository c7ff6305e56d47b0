"""Finding faces: labels stay with their face, nothing vanishes, broken pictures are rejects."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from step_items import clip_of, face_at, outcome, sample_of, texture

from data_engine.steps import find_faces
from data_engine.steps.find_faces import FindFaces
from facellm.core.sample import Face, FaceLabels

HAPPY = FaceLabels(emotion="happiness")


class Seeing:
    """A finder that sees what it is told."""

    name = "seeing"

    def __init__(self, *faces):
        self.faces = list(faces)

    def find(self, image):
        return self.faces


@pytest.fixture
def sees(monkeypatch):
    def put(*faces):
        monkeypatch.setattr(find_faces, "finder_of", lambda name, model: Seeing(*faces))

    return put


def run_one(tmp_path, faces, **options):
    sample = sample_of(tmp_path, "a.png", texture(1), faces)
    return outcome(FindFaces(**options), [sample], tmp_path)


def test_an_unlabelled_picture_gets_every_face(sees, tmp_path):
    left, right = face_at(80, 150, 30), face_at(240, 150, 30)
    sees(left, right)
    kept, rejects = run_one(tmp_path, [])
    assert kept[0].faces == [left, right] and not rejects


def test_a_label_for_the_whole_picture_goes_to_the_most_central_face(sees, tmp_path):
    left, middle = face_at(60, 150, 40), face_at(170, 150, 30)
    sees(left, middle)
    kept, _ = run_one(tmp_path, [Face(box=(0, 0, 320, 320), labels=HAPPY)])
    assert [(f.box, f.labels.emotion) for f in kept[0].faces] == [(middle.box, "happiness")]


def test_labelled_boxes_are_matched_by_overlap_and_others_only_added_on_request(sees, tmp_path):
    left, right = face_at(80, 150, 30), face_at(240, 150, 30)
    sees(left, right)
    x0, y0, x1, y1 = right.box
    known = Face(box=(x0 + 4, y0 - 3, x1 + 5, y1), labels=HAPPY)
    kept, _ = run_one(tmp_path, [known])
    assert [f.labels.emotion for f in kept[0].faces] == ["happiness"]
    assert kept[0].faces[0].points == right.points
    kept, _ = run_one(tmp_path, [known], others=True)
    assert [f.labels.emotion for f in kept[0].faces] == [None, "happiness"]


def test_points_that_are_known_are_never_replaced(sees, tmp_path):
    known = face_at(160, 150, labels=HAPPY)
    other = Face(box=(10, 10, 40, 40), labels=HAPPY)
    sees(face_at(163, 152))
    kept, _ = run_one(tmp_path, [known])
    assert kept[0].faces == [known]
    kept, _ = run_one(tmp_path, [known, other])  # one without points: the picture is looked at
    assert known in kept[0].faces and other in kept[0].faces


@pytest.mark.parametrize("labelled", [True, False])
def test_no_face_is_a_reject_or_kept(sees, tmp_path, labelled):
    sees(*([face_at(60, 60, 20)] if labelled else []))
    faces = [Face(box=(200, 200, 300, 300), labels=HAPPY)] if labelled else []
    kept, (reject,) = run_one(tmp_path, faces)
    assert reject.reason == "no_face" and not kept
    assert reject.item["id"] == reject.item_id
    assert ("none of the 1 labelled" in reject.detail) == labelled
    kept, rejects = run_one(tmp_path, faces, keep=True)
    assert kept[0].faces == faces and not rejects


def test_broken_and_missing_pictures_are_rejects_and_clips_pass(sees, tmp_path):
    sees(face_at(160, 150))
    broken = sample_of(tmp_path, "broken.png", None)
    gone = broken.model_copy(update={"id": "gone", "image": "gone.png"})
    clip = clip_of("a.mp4")
    fine = sample_of(tmp_path, "fine.png", texture(1))
    kept, rejects = outcome(FindFaces(), [broken, gone, clip, fine], tmp_path)
    assert [r.reason for r in rejects] == ["unreadable_file", "missing_file"]
    assert "gone.png" in rejects[1].detail
    assert kept[0] == clip and kept[1].faces


def test_wrong_options_are_refused():
    with pytest.raises(ValidationError, match="finder"):
        FindFaces(finder="dlib")
    with pytest.raises(ValueError, match="needs its model files"):
        list(FindFaces(finder="mediapipe").run([], Path()))


@pytest.mark.slow  # torch has to start
def test_the_shipped_finder_on_a_photograph(astronaut, tmp_path):
    sample = sample_of(tmp_path, "a.png", astronaut, [Face(box=(0, 0, 512, 512), labels=HAPPY)])
    ((kept,), _) = outcome(FindFaces(), [sample], tmp_path)
    x0, y0, x1, y1 = kept.faces[0].box
    assert 160 < x0 < 200 and 250 < x1 < 300 and y0 < 90 < 150 < y1  # seen by eye
    assert kept.faces[0].labels == HAPPY


def test_looked_at_again_a_face_has_the_points_that_the_finder_sees(sees, tmp_path):
    exact, other = face_at(80, 150, 30), face_at(240, 150, 30)
    seen = face_at(83, 151, 31)
    sees(seen)
    known = [one.model_copy(update={"labels": HAPPY}) for one in (exact, other)]
    untouched, _ = run_one(tmp_path, known)
    assert untouched[0].faces == known
    kept, _ = run_one(tmp_path, known, again=True)
    assert kept[0].faces[0] == seen.model_copy(update={"labels": HAPPY})
    assert kept[0].faces[1].points is None and kept[0].faces[1].labels == HAPPY
    _, rejects = run_one(tmp_path, known[1:], again=True)
    assert [reject.reason for reject in rejects] == ["no_face"]
