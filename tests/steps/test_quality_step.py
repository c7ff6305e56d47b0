"""Quality falls with each thing that spoils a picture, and with that thing's part."""

import cv2
import numpy as np
import pytest
from PIL import Image
from step_items import clip_of, face_at, outcome, sample_of, texture

from data_engine.steps.quality import Quality, judge
from facellm.core.sample import Face, FaceLabels


@pytest.fixture(scope="module")
def good():
    """A grey head on a darker ground with enough fine texture to be sharp."""
    rng = np.random.default_rng(0)
    pixels = np.full((320, 320), 90.0)
    cv2.ellipse(pixels, (160, 180), (90, 120), 0, 0, 360, 150, -1)
    return (pixels + rng.normal(0, 30, pixels.shape)).clip(20, 240).astype(np.uint8)


def parts(grey, face=None):
    return judge(np.repeat(grey[..., None], 3, 2), face or face_at(160, 150))


def test_a_good_picture_is_good(good):
    assert parts(good).quality > 0.95


@pytest.mark.parametrize(
    ("part", "spoil"),
    [
        ("sharp", lambda g: cv2.GaussianBlur(g, (0, 0), 6)),
        ("exposure", lambda g: (g // 40).astype(np.uint8)),  # nearly black
        ("exposure", lambda g: np.clip(g.astype(int) + 140, 0, 255).astype(np.uint8)),
        ("open", lambda g: cv2.rectangle(g.copy(), (110, 190), (210, 270), 235, -1)),  # a mask
    ],
)
def test_what_spoils_a_picture_shows_in_its_part_and_in_the_whole(good, part, spoil):
    before, after = parts(good), parts(spoil(good))
    assert getattr(after, part) < getattr(before, part) - 0.2
    assert after.quality < before.quality


def test_small_turned_and_cut_off_faces_are_worse(good):
    assert parts(good, face_at(160, 150, eyes=20)).size == pytest.approx(0.5, abs=1e-3)
    turned = face_at(160, 150, labels=FaceLabels(pose=(0.0, 1.0, 0.0)))
    assert parts(good, turned).pose == pytest.approx((1.2 - 1.0) / 0.9)
    noses = face_at(160, 150)
    moved = [(x + 50 * (n == 30), y) for n, (x, y) in enumerate(noses.points)]
    assert parts(good, noses.model_copy(update={"points": moved})).pose < 1
    assert parts(good, face_at(10, 150)).whole < 0.7
    hidden = noses.model_copy(update={"visible": [n < 34 for n in range(68)]})
    assert parts(good, hidden).whole == pytest.approx(0.5, abs=1e-3)
    assert judge(np.zeros((9, 9, 3), np.uint8), Face(box=(0, 0, 9, 9))) is None


def test_the_step_labels_weakly_keeps_what_is_stated_and_says_what_was_wrong(good, tmp_path):
    picture = Image.fromarray(good).convert("RGB")
    stated = face_at(160, 150, labels=FaceLabels(quality=0.1))
    blurred = Image.fromarray(cv2.GaussianBlur(good, (0, 0), 6)).convert("RGB")
    items = [
        sample_of(tmp_path, "good.png", picture, [face_at(160, 150)]),
        sample_of(tmp_path, "stated.png", picture, [stated]),
        sample_of(tmp_path, "blurred.png", blurred, [face_at(160, 150)]),
        sample_of(tmp_path, "bare.png", texture(1), [Face(box=(0, 0, 320, 320))]),
        sample_of(tmp_path, "broken.png", None, [face_at(160, 150)]),
        clip_of("a.mp4"),
    ]
    kept, rejects = outcome(Quality(), items, tmp_path)
    assert [r.reason for r in rejects] == ["unreadable_file"]
    assert kept[0].faces[0].labels.weak == {"quality"} and kept[0].faces[0].labels.quality > 0.9
    assert kept[1].faces[0].labels == stated.labels
    assert kept[3].faces[0].labels.quality is None and kept[4] == items[5]
    kept, rejects = outcome(Quality(minimum=0.7), items, tmp_path)
    assert [k.id for k in kept] == [items[0].id, items[5].id]
    found = {r.item["image"] if r.item else "": (r.reason, r.detail) for r in rejects}
    assert found["stated.png"] == ("low_quality", "0.10 < 0.7; stated by the source")
    assert found["blurred.png"][0] == "low_quality" and "; sharp 0.0" in found["blurred.png"][1]
    assert found["bare.png"][0] == "no_quality"


def test_extreme_faces_do_not_crash(good):
    for face in (face_at(-500, -500), face_at(160, 150, eyes=0.01), face_at(160, 150, eyes=2000)):
        assert 0 <= parts(good, face).quality <= 1
    assert 0 <= parts(np.zeros((4, 4), np.uint8), face_at(2, 2, 1)).quality <= 1
