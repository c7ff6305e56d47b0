"""Copies are found, the copy for testing stays, look-alikes and pairs made on purpose survive."""

import random

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from step_items import clip_of, face_at, outcome, sample_of, texture

from data_engine.steps.near_duplicates import COARSE, HashIndex, NearDuplicates

FACE = face_at(160, 150)


def reasons(rejects):
    return [(r.item_id, r.reason) for r in rejects]


def test_exact_copies_go_the_first_stays(tmp_path):
    first = sample_of(tmp_path, "a.png", texture(1), subject="p")
    again = sample_of(tmp_path, "b.png", texture(1), subject="p")
    other = sample_of(tmp_path, "c.png", texture(2))
    kept, (reject,) = outcome(NearDuplicates(), [first, again, other], tmp_path)
    assert kept == [first, other]
    assert (reject.item["image"], reject.reason) == ("b.png", f"exact_duplicate:{first.id}")
    assert reject.detail == "same subject"


@pytest.mark.parametrize("faces", [[], [FACE]], ids=["whole", "face"])
def test_a_picture_saved_anew_is_a_near_duplicate(tmp_path, faces):
    picture = texture(1)
    first = sample_of(tmp_path, "a.png", picture, faces, subject="p")
    jpeg = sample_of(tmp_path, "b.jpg", picture, faces, subject="p")
    darker = picture.point(lambda v: 0.8 * v)
    dark = sample_of(tmp_path, "c.png", darker, faces, subject="q")
    others = [sample_of(tmp_path, f"{n}.png", texture(n), faces) for n in range(2, 22)]
    kept, rejects = outcome(NearDuplicates(), [first, jpeg, dark, *others], tmp_path)
    assert kept == [first, *others]
    assert reasons(rejects) == [(i.id, f"near_duplicate:{first.id}") for i in (jpeg, dark)]
    assert [r.detail.split(", ")[1] for r in rejects] == ["same subject", "another subject"]


def test_the_face_counts_not_the_frame_around_it(tmp_path):
    picture = texture(1)
    wide = Image.new("RGB", (640, 480), (200, 200, 200))
    wide.paste(picture, (300, 100))
    first = sample_of(tmp_path, "a.png", picture, [FACE])
    cut = sample_of(tmp_path, "b.png", wide, [face_at(460, 250)])
    _, rejects = outcome(NearDuplicates(), [first, cut], tmp_path)
    assert reasons(rejects) == [(cut.id, f"near_duplicate:{first.id}")]


def test_pictures_of_one_pair_are_meant_to_be_alike(tmp_path):
    first = sample_of(tmp_path, "a.png", texture(1))
    second = sample_of(tmp_path, "b.jpg", texture(1))
    paired = [item.model_copy(update={"pair": "p"}) for item in (first, second)]
    assert outcome(NearDuplicates(), paired, tmp_path) == (paired, [])
    other = second.model_copy(update={"pair": "q"})
    assert outcome(NearDuplicates(), [paired[0], other], tmp_path)[0] == paired[:1]


def test_the_copy_in_training_goes_wherever_it_stands(tmp_path):
    train = sample_of(tmp_path, "a.png", texture(1))
    val = sample_of(tmp_path, "b.jpg", texture(1), split="val")
    test = sample_of(tmp_path, "c.webp", texture(1), split="test")
    kept, rejects = outcome(NearDuplicates(), [train, val, test], tmp_path)
    assert kept == [test] and {r.reason for r in rejects} == {f"near_duplicate:{test.id}"}
    late = train.model_copy(update={"image": "a.png", "split": "test"})
    kept, _ = outcome(NearDuplicates(), [train, late], tmp_path)
    assert kept == [late]  # equal ids: still the one to test on


def test_pairs_of_one_subject_can_be_spared(tmp_path):
    pair = [sample_of(tmp_path, n, texture(1), subject="rig-1") for n in ("a.png", "b.jpg")]
    stranger = sample_of(tmp_path, "c.webp", texture(1), subject="rig-2")
    kept, rejects = outcome(NearDuplicates(same_subject=False), [*pair, stranger], tmp_path)
    assert kept == pair and [r.item_id for r in rejects] == [stranger.id]


def test_streams_clips_and_broken_pictures(tmp_path):
    clip = clip_of("a.mp4")
    broken, fine = sample_of(tmp_path, "b.png", None), sample_of(tmp_path, "a.png", texture(1))
    items = [clip, broken, fine, clip]
    kept, rejects = outcome(NearDuplicates(), items, tmp_path)
    assert kept == [clip, fine]
    assert [r.reason for r in rejects] == ["unreadable_file", f"exact_duplicate:{clip.id}"]
    stream = list(NearDuplicates().run((item for item in items), tmp_path))
    assert stream == list(NearDuplicates().run(items, tmp_path))


def test_the_index_finds_all_hashes_within_its_reach_and_no_others():
    rng = random.Random(0)
    hashes = [rng.getrandbits(64) for _ in range(300)]
    for n in range(300):  # neighbours at every distance up to 12
        flips = sum(1 << bit for bit in rng.sample(range(64), n % 13))
        hashes.append(hashes[n] ^ flips)
    index = HashIndex()
    for n, value in enumerate(hashes):
        index.add(value, str(n))
    for value in hashes:
        brute = [str(n) for n, h in enumerate(hashes) if (h ^ value).bit_count() <= COARSE]
        assert list(index.near(value)) == brute


def test_the_index_does_not_compare_all_with_all():
    rng = np.random.default_rng(0)
    index = HashIndex()
    for n, value in enumerate(rng.integers(0, 2**64, 20000, dtype=np.uint64).tolist()):
        index.add(value, str(n))
    # 4 bands × 17 values of 65 536: about 0.1 % of the hashes are looked at.
    looked = sum(
        len(filed.get(band ^ mask, ()))
        for band, filed in enumerate(index._bands) for mask in index._masks
    )  # fmt: skip
    assert looked < 0.003 * 20000


def test_a_distance_that_means_nothing_is_refused():
    with pytest.raises(ValidationError):
        NearDuplicates(distance=128)
