"""Weak units: marked, matched to the right face, and never over somebody else's labels."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from step_items import clip_of, face_at, outcome, sample_of, texture

from data_engine.steps import weak_units as module
from data_engine.steps.weak_units import WeakUnits, with_weak_units
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels
from facellm.faces.mediapipe import FoundFace

SMILE = {"mouthSmileLeft": 0.95, "mouthPucker": 0.9}


class Seeing:
    def __init__(self, *seen):
        self.seen, self.pictures = list(seen), 0

    def find_with_blendshapes(self, image):
        self.pictures += 1
        return self.seen


@pytest.fixture
def sees(monkeypatch):
    def put(*seen):
        finder = Seeing(*seen)
        monkeypatch.setattr(module, "mediapipe_of", lambda model, step: finder)
        return finder

    return put


def test_units_go_to_the_face_they_were_seen_on_and_are_marked_weak(sees, tmp_path):
    left = face_at(80, 150, 30, labels=FaceLabels(emotion="anger", weak=frozenset({"emotion"})))
    right = face_at(240, 150, 30)
    sees(FoundFace(face_at(241, 151, 31), SMILE), FoundFace(face_at(81, 149, 30), {}))
    ((kept,), _) = outcome(
        WeakUnits(), [sample_of(tmp_path, "a.png", texture(1), [left, right])], tmp_path
    )
    assert kept.faces[0] == left  # seen, but without scores: unlabelled, not absent
    assert (
        kept.faces[1].labels.action_units[12] == 5 and 18 not in kept.faces[1].labels.action_units
    )
    assert kept.faces[1].labels.weak == {"action_units"}


def test_stated_units_stay_whoever_stated_them(sees, tmp_path):
    exact = FaceLabels(action_units={4: 3.0})
    faces = [face_at(80, 150, 30, labels=exact), face_at(240, 150, 30)]
    finder = sees(*(FoundFace(face, SMILE) for face in faces))
    sample = sample_of(tmp_path, "a.png", texture(1), faces)
    ((kept,), _) = outcome(WeakUnits(), [sample], tmp_path)
    assert kept.faces[0].labels == exact and kept.faces[1].labels.action_units[12] == 5
    looked = finder.pictures
    one = sample.model_copy(update={"faces": faces[:1]})
    kept, _ = outcome(WeakUnits(), [one, clip_of("a.mp4")], tmp_path)
    assert kept == [one, clip_of("a.mp4")] and finder.pictures == looked
    _, (reject,) = outcome(WeakUnits(known="reject"), [sample], tmp_path)
    assert reject.reason == "has_units"
    assert with_weak_units(faces[0], {12: 5.0}) == faces[0]


def test_units_can_be_chosen_and_distrusted(sees, tmp_path):
    face = face_at(160, 150)
    sees(FoundFace(face, SMILE))
    sample = sample_of(tmp_path, "a.png", texture(1), [face])
    ((kept,), _) = outcome(WeakUnits(units=(4, 12, 18)), [sample], tmp_path)
    assert kept.faces[0].labels.action_units == {4: 0, 12: 5, 18: 5}
    step = WeakUnits(units=(4, 12, 18), least_confidence=0.8)  # 4: 0.2, 12: 0.9, 18: 0.76
    ((kept,), _) = outcome(step, [sample], tmp_path)
    assert kept.faces[0].labels.action_units == {12: 5}


def test_bad_input(sees, tmp_path):
    sees()
    broken = sample_of(tmp_path, "b.png", None, [face_at(160, 150)])
    _, (reject,) = outcome(WeakUnits(), [broken], tmp_path)
    assert reject.reason == "unreadable_file"
    with pytest.raises(FaceLLMError, match="noseSneer"):
        list(WeakUnits(units=(9,)).run([], tmp_path))
    with pytest.raises(ValidationError):
        WeakUnits(least_confidence=2)


def test_a_missing_model_is_named():
    with pytest.raises(FaceLLMError, match="set `finder_model`"):
        list(WeakUnits().run([], Path()))


@pytest.mark.slow
def test_a_photographed_smile(finder_model, astronaut, tmp_path):
    from facellm.faces.mediapipe import MediapipeFinder

    faces = MediapipeFinder.from_folder(finder_model).find(astronaut)
    sample = sample_of(tmp_path, "a.png", astronaut, faces)
    ((kept,), _) = outcome(WeakUnits(finder_model=finder_model), [sample], tmp_path)
    units = kept.faces[0].labels.action_units
    assert units[12] > 3 and units[25] > 1 and units[43] < 1  # she smiles, teeth show, eyes open
