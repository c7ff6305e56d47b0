"""Persons stay in one split; labels are evened out without touching what is tested on."""

from collections import Counter
from itertools import pairwise

import pytest
from pydantic import ValidationError
from step_items import clip_of, face_at, outcome

from data_engine.steps.balance import Balance
from data_engine.steps.split import SplitBySubject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels, Provenance, Sample


def sample(n, subject="p", split="train", **labels):
    return Sample(
        id=f"{n}", image=f"{n}.png", faces=[face_at(9, 9, labels=FaceLabels(**labels))],
        provenance=Provenance(source="set", licence="", subject_id=subject), split=split,
    )  # fmt: skip


def test_persons_are_split_and_stay_together(tmp_path):
    items = [sample(n, subject=f"p{n % 200}") for n in range(600)]
    kept, rejects = outcome(SplitBySubject(val=0.2, test=0.2), items, tmp_path)
    assert not rejects and [k.id for k in kept] == [i.id for i in items]
    of = {}
    for item in kept:
        assert of.setdefault(item.provenance.subject_id, item.split) == item.split
    counts = Counter(of.values())
    assert 20 < counts["val"] < 60 and 20 < counts["test"] < 60
    some, _ = outcome(SplitBySubject(val=0.2, test=0.2), items[:50], tmp_path)
    assert some == kept[:50]  # a person's split does not depend on the set around
    other, _ = outcome(SplitBySubject(val=0.2, test=0.2, salt="x"), items, tmp_path)
    assert [i.split for i in other] != [i.split for i in kept]


def test_the_sources_own_split_stays_unless_it_tears_a_person_apart(tmp_path):
    items = [sample(0, "a", "test"), sample(1, "b", "train"), sample(2, "a", "test")]
    kept, _ = outcome(SplitBySubject(keep=True), items, tmp_path)
    assert kept == items
    torn = [*items, sample(3, "b", "val")]
    with pytest.raises(FaceLLMError, match=r"subject 'b' is in train and in val \(item 3 of set\)"):
        list(SplitBySubject(keep=True).run(torn, tmp_path))
    outcome(SplitBySubject(), torn, tmp_path)  # decided anew, the same person is whole again


def test_nobody_and_nothing_left_to_train_on(tmp_path):
    kept, (reject,) = outcome(SplitBySubject(), [sample(0, " "), clip_of("a.mp4")], tmp_path)
    assert reject.reason == "no_subject" and len(kept) == 1
    with pytest.raises(ValidationError, match="nothing to train on"):
        SplitBySubject(val=0.5, test=0.5)


def emotions(counts, split="train"):
    return [
        sample(f"{split}-{name}-{n}", split=split, emotion=name)
        for name, count in counts.items() for n in range(count)
    ]  # fmt: skip


def spread(items):
    return dict(Counter(item.faces[0].labels.emotion for item in items))


def test_frequent_labels_are_capped_in_training_only(tmp_path):
    items = emotions({"happiness": 30, "fear": 4}) + emotions({"happiness": 20}, "test")
    kept, rejects = outcome(Balance(most=10), items, tmp_path)
    assert spread(k for k in kept if k.split == "train") == {"happiness": 10, "fear": 4}
    assert sum(k.split == "test" for k in kept) == 20
    assert {(r.reason, r.detail) for r in rejects} == {("balanced_out", "happiness")}
    assert len(rejects) == 20
    kept, _ = outcome(Balance(most="smallest"), items, tmp_path)
    assert spread(k for k in kept if k.split == "train") == {"happiness": 4, "fear": 4}


def test_who_stays_depends_on_seed_and_id_not_on_order(tmp_path):
    items = emotions({"happiness": 40})
    kept, _ = outcome(Balance(most=10), items, tmp_path)
    backwards, _ = outcome(Balance(most=10), items[::-1], tmp_path)
    assert {k.id for k in kept} == {k.id for k in backwards}
    other, _ = outcome(Balance(most=10, seed=1), items, tmp_path)
    assert {k.id for k in kept} != {k.id for k in other}
    more, _ = outcome(Balance(most=20), items, tmp_path)
    assert {k.id for k in kept} <= {k.id for k in more}
    stream = list(Balance(most=10).run(iter(items), tmp_path))
    assert stream == list(Balance(most=10).run(items, tmp_path))


def test_rare_labels_are_repeated_evenly_with_ids_of_their_own(tmp_path):
    items = emotions({"happiness": 11, "fear": 4})
    kept, rejects = outcome(Balance(least="largest"), items, tmp_path)
    assert spread(kept) == {"happiness": 11, "fear": 11} and not rejects
    assert len({k.id for k in kept}) == 22
    times = Counter(k.id.partition(".")[0] for k in kept if "fear" in k.id)
    assert sorted(times.values()) == [2, 3, 3, 3]
    kept, _ = outcome(Balance(least=50, repeats=3), items, tmp_path)
    assert spread(kept) == {"happiness": 33, "fear": 12}
    kept, _ = outcome(Balance(most=6, least="largest"), items, tmp_path)
    assert spread(kept) == {"happiness": 6, "fear": 6}


def test_units_count_as_present_or_absent_and_unlabelled_items_stay(tmp_path):
    items = [sample(n, action_units={12: 3.0 if n < 3 else 1.0}) for n in range(20)]
    items += [sample("u", action_units={4: 1.0}), sample("none")]
    kept, rejects = outcome(Balance(by="AU12", most="smallest"), items, tmp_path)
    assert len(rejects) == 14 and {r.detail for r in rejects} == {"absent"}
    assert items[-1] in kept and items[-2] in kept
    _, rejects = outcome(Balance(by="AU12", unlabelled="reject"), items, tmp_path)
    assert [(r.item_id, r.reason) for r in rejects] == [("u", "unlabelled"), ("none", "unlabelled")]


def test_clips_are_balanced_by_their_own_labels(tmp_path):
    clips = [clip_of(f"{n}.mp4", labels=FaceLabels(emotion="anger")) for n in range(5)]
    kept, rejects = outcome(Balance(most=2), clips, tmp_path)
    assert (len(kept), len(rejects)) == (2, 3)


@pytest.mark.parametrize("options", [{"by": "mood"}, {"by": "AU99"}, {"most": 0}, {"least": -1},
                                     {"repeats": 0}, {"splits": ("dev",)}])  # fmt: skip
def test_wrong_options_are_refused(options):
    with pytest.raises(ValidationError):
        Balance(**options)


def test_equal_items_keep_their_places(tmp_path):
    items = emotions({"happiness": 9, "fear": 2})
    kept, _ = outcome(Balance(most=5), items, tmp_path)
    places = [items.index(k) for k in kept]
    assert all(a < b for a, b in pairwise(places))
