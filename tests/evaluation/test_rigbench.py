"""rigbench: the same faces from the same seeds, of people training never shows."""

import json
from collections import Counter

import pytest

from data_engine.rig.groups import AGES, LIGHTS, TONES
from eval.benchmark import Benchmark
from eval.pairs import read_pairs
from eval.rigbench import (
    DEFAULT,
    STRONG,
    YAWS,
    Plan,
    fairness,
    make,
    pairs,
    poses,
    single,
)
from facellm.core.errors import FaceLLMError
from facellm.core.facs import PROTOCOLS
from facellm.core.sample import read_samples

TINY = Plan(single=2, people=2, pair_people=1, pair_units=(4, 12), pose_faces=1, fair_faces=1)
PARTS = ("single", "pairs", "pose", "fairness")
LARGEST_TRAINING_IDENTITY = 100_000
"""`random_spec` draws people below this where none is named."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make(tmp_path_factory.mktemp("rigbench"), size=48, plan=TINY)


def test_the_plan_of_version_1():
    counts = [len(single(DEFAULT)), len(pairs(DEFAULT)[0]), len(poses(DEFAULT))]
    assert [*counts, len(fairness(DEFAULT))] == [600, 2 * 40 * 12, 30 * 7, 48 * 9]
    shots = [*single(DEFAULT), *pairs(DEFAULT)[0], *poses(DEFAULT), *fairness(DEFAULT)]
    assert min(shot.spec.identity for shot in shots) == 900_000 > LARGEST_TRAINING_IDENTITY
    assert len({shot.spec.identity for shot in single(DEFAULT)}) == 60
    assert {pair.unit for pair in pairs(DEFAULT)[1]} == set(PROTOCOLS["disfa12"].units)


def test_every_part_is_a_corpus_of_test_samples_with_all_labels(tiny):
    sizes = {}
    for part in PARTS:
        samples = list(read_samples(tiny / part))
        sizes[part] = len(samples)
        assert all(s.split == "test" and (tiny / part / s.image).is_file() for s in samples)
        for sample in samples:
            labels = sample.faces[0].labels
            assert set(PROTOCOLS["rig23"].units) <= set(labels.action_units) and labels.pose
    assert sizes == {"single": 2, "pairs": 4, "pose": 7, "fairness": 9}
    assert len(Benchmark(name="b", task="action_units", corpus=tiny / "single").questions()) == 2


def test_the_same_seeds_give_the_same_bytes(tiny, tmp_path):
    again = make(tmp_path / "again", size=48, plan=TINY)
    for part in PARTS:
        one, two = ((x / part / "samples.jsonl").read_text() for x in (tiny, again))
        assert one == two


def test_a_pair_differs_in_its_unit_and_what_cannot_stay(tiny):
    samples = {s.id: s for s in read_samples(tiny / "pairs")}
    linked = read_pairs(tiny / "pairs")
    assert [pair.unit for pair in linked] == [4, 12]
    for unit, off_id, on_id in linked:
        off, on = samples[off_id], samples[on_id]
        assert off.pair == on.pair and off.provenance.subject_id == on.provenance.subject_id
        before, after = (s.faces[0].labels.action_units for s in (off, on))
        assert (before[unit], after[unit]) == (0.0, STRONG)
        assert [n for n in before if before[n] != after[n]] == [unit]


def test_a_set_for_fairness_changes_the_group_alone(tiny):
    samples = list(read_samples(tiny / "fairness"))
    assert len({s.pair for s in samples}) == len({s.provenance.subject_id for s in samples}) == 1
    labels = [s.faces[0].labels for s in samples]
    assert all(one.emotion == labels[0].emotion for one in labels)
    assert all(one.action_units == labels[0].action_units for one in labels)
    assert Counter(key for one in labels for key in one.groups) == {
        "skin": len(TONES),
        "age": len(AGES),
        "light": len(LIGHTS),
    }
    pixels = {(tiny / "fairness" / s.image).read_bytes() for s in samples}
    assert len(pixels) == len(samples)


def test_the_same_face_is_turned(tiny):
    yaws = [s.faces[0].labels.pose[1] for s in read_samples(tiny / "pose")]
    assert yaws == pytest.approx(YAWS, abs=1e-3)


def test_what_is_there_is_left_alone(tiny):
    path = tiny / "single" / "images" / "0000.jpg"
    before = path.stat().st_mtime_ns
    make(tiny, size=48, plan=TINY)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("changed", [{"rigbench": 2}, {"head": "ict"}, {"size": 160}])
def test_another_version_head_or_size_is_refused(tmp_path, changed):
    stamp = {"rigbench": 1, "head": "procedural", "size": 48} | changed
    (tmp_path / "rigbench.json").write_text(json.dumps(stamp))
    with pytest.raises(FaceLLMError, match="choose another folder"):
        make(tmp_path, size=48)
    assert not (tmp_path / "single").exists()


def test_a_head_that_is_not_there(tmp_path):
    with pytest.raises(FaceLLMError):
        make(tmp_path / "out", head=str(tmp_path / "none"))
    assert not (tmp_path / "out").exists()
