"""Crops: upright, in their own pixels, with the labels that turn along."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from step_items import face_at, outcome, sample_of, texture

from data_engine.rig import Rig, RigSpec, load_head
from data_engine.steps.crop import Crop, _turned
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face, FaceLabels
from facellm.faces.crop import roll_of


def crop_of(tmp_path, face, image=None, **options):
    sample = sample_of(tmp_path, "a.png", image or texture(3), [face])
    ((kept,), _) = outcome(Crop(**options), [sample], tmp_path)
    return kept, np.asarray(Image.open(tmp_path / kept.image)).astype(int)


def test_points_lie_on_the_same_pixels_as_before(tmp_path):
    image = texture(3)
    pixels = np.asarray(image).copy()
    face = face_at(160, 140, 60, tilt=0.4)
    x, y = (round(v) for v in face.points[30])
    pixels[y - 4 : y + 5, x - 4 : x + 5] = (255, 0, 0)  # a red nose
    kept, cut = crop_of(tmp_path, face, Image.fromarray(pixels))
    assert cut.shape == (256, 256, 3)
    x, y = (round(v) for v in kept.faces[0].points[30])
    assert cut[y, x, 0] > 200 and cut[y, x, 1] < 60
    assert abs(roll_of(np.array(kept.faces[0].points))) < 1e-3
    x0, y0, x1, y1 = kept.faces[0].box
    assert 0 < x0 < x1 < 256 and 0 < y0 < y1 < 256


def test_roll_is_stated_in_the_turned_picture(tmp_path):
    # Turned clockwise by 0.4: leaning to the subject's left, so the labelled roll is -0.4.
    labels = FaceLabels(pose=(0.0, 0.0, -0.4), gaze=(0.0, 0.0), emotion="anger")
    face = face_at(160, 140, 40, tilt=0.4, labels=labels)
    kept, _ = crop_of(tmp_path, face)
    assert kept.faces[0].labels.pose == pytest.approx((0.0, 0.0, 0.0), abs=1e-3)
    assert kept.faces[0].labels.gaze == (0.0, 0.0)  # along the axis that the picture turns about
    kept, _ = crop_of(tmp_path, face, upright=False)
    assert kept.faces[0].labels == labels
    assert roll_of(np.array(kept.faces[0].points)) == pytest.approx(0.4, abs=1e-3)


def test_a_picture_on_its_side_turns_right_into_up(tmp_path):
    # The head lies to the subject's left, a quarter turn clockwise; head and eyes point to the
    # subject's right by 0.3, which is to the left of the picture. Turned back, left becomes down.
    side = np.pi / 2
    labels = FaceLabels(pose=(0.0, 0.3, -side), gaze=(0.0, 0.3))
    kept, _ = crop_of(tmp_path, face_at(160, 140, 40, tilt=side, labels=labels))
    assert kept.faces[0].labels.gaze == pytest.approx((-0.3, 0.0), abs=1e-3)
    assert kept.faces[0].labels.pose == pytest.approx((-0.3, 0.0, 0.0), abs=1e-3)


def test_labels_turn_as_the_rig_would_render_them():
    rig, angle, size = Rig(load_head("procedural"), size=64), 0.7, 64
    spec = RigSpec(identity=3, pitch=0.25, yaw=-0.4, roll=0.2, gaze=(0.1, 0.2))
    frame = rig.render(spec)
    turned = _turned(FaceLabels(pose=frame.pose, gaze=frame.gaze), angle)
    pitch, yaw, roll = turned.pose
    again = rig.render(replace(spec, pitch=pitch, yaw=yaw, roll=roll))
    middle = (size - 1) / 2  # of the pixels, whose centres are whole numbers
    x, y = (frame.points - middle).T
    cos, sin = np.cos(angle), np.sin(angle)  # counter-clockwise, in pixels with y downwards
    spun = np.stack([x * cos + y * sin, y * cos - x * sin], 1) + middle
    assert np.abs(again.points - spun).max() < 0.02
    assert turned.gaze == pytest.approx(again.gaze, abs=1e-3)  # the same eyes in the same head


def test_one_sample_a_face_with_ids_of_their_own(tmp_path):
    faces = [face_at(90, 120, 40), face_at(230, 120, 40)]
    sample = sample_of(tmp_path, "a.png", texture(3), faces, subject="p", split="val")
    kept, _ = outcome(Crop(encoding="jpeg", store="faces"), [sample], tmp_path)
    assert len({sample.id, *(k.id for k in kept)}) == 3
    assert all(k.split == "val" and k.provenance.subject_id == "p" for k in kept)
    assert all(k.image == f"faces/{k.id}.jpg" and len(k.faces) == 1 for k in kept)
    assert not list(tmp_path.rglob("*.part"))


def test_a_box_without_points_is_cut_and_a_face_at_the_border_is_filled_up(tmp_path):
    kept, cut = crop_of(tmp_path, Face(box=(100, 100, 200, 180)), size=160, margin=2.0)
    # 100 px × 2.0 margin on 160 px: 0.8; the box spans 80 × 64 around the middle.
    assert kept.faces[0].box == (40, 48, 120, 112) and kept.faces[0].points is None
    kept, cut = crop_of(tmp_path, face_at(5, 5, 40))
    assert cut.shape == (256, 256, 3)


def test_rejects_and_options(tmp_path):
    items = [sample_of(tmp_path, "b.png", None, [face_at(9, 9)]),
             sample_of(tmp_path, "c.png", texture(1))]  # fmt: skip
    kept, rejects = outcome(Crop(), items, tmp_path)
    assert not kept and [r.reason for r in rejects] == ["unreadable_file", "no_face"]
    with pytest.raises(FaceLLMError, match="leads out"):
        list(Crop(store="../elsewhere").run([], tmp_path))
    with pytest.raises(ValidationError):
        Crop(margin=0.5)
