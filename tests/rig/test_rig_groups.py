"""Sets of pictures of one face that differ in one group label alone."""

from collections import defaultdict

import pytest

from data_engine.rig.groups import AGES, LIGHTS, TONES, render_sets
from facellm.core.errors import FaceLLMError
from facellm.core.sample import read_samples


def test_nothing_but_the_group_differs_in_a_set(tmp_path):
    assert list(render_sets("procedural", tmp_path, 1, 5009, 0, 48)) == [1]
    sets = defaultdict(dict)
    for sample in read_samples(tmp_path):
        (face,) = sample.faces
        ((label, group),) = face.labels.groups.items()
        sets[label][group] = sample
        assert (tmp_path / sample.image).is_file()
        assert (sample.pair, sample.split) == ("00000", "test"), "person 5009 is held out"
    assert {label: set(own) for label, own in sets.items()} == {
        "skin": set(TONES), "age": set(AGES), "light": set(LIGHTS),
    }  # fmt: skip
    for own in sets.values():
        assert len({sample.id for sample in own.values()}) == len(own), "pictures differ"
        labels = {str(s.faces[0].labels.action_units) for s in own.values()}
        people = {s.provenance.subject_id for s in own.values()}
        assert len(labels) == len(people) == 1


def test_a_corpus_of_no_faces_is_refused_in_one_line(tmp_path):
    with pytest.raises(FaceLLMError, match="0 faces from person 1"):
        list(render_sets("procedural", tmp_path, 0, 1, 0, 64))
