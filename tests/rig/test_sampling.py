"""The specs the corpus is drawn from."""

import numpy as np

from data_engine.rig import RIG_UNITS, random_spec
from data_engine.rig.actions import CONFLICTS
from data_engine.rig.look import person_look
from facellm.core.emotions import EMOTIONS


def test_specs_are_varied_and_consistent() -> None:
    rng = np.random.default_rng(0)
    specs = [random_spec(rng) for _ in range(600)]
    named = [s.emotion for s in specs if s.emotion]
    assert 0.5 < len(named) / len(specs) < 0.7
    assert set(named) == set(EMOTIONS)
    assert {au for s in specs for au in s.action_units} == set(RIG_UNITS)
    for spec in specs:
        assert all(0 < x <= 5 for x in spec.action_units.values())
        assert not any(pair <= spec.action_units.keys() for pair in CONFLICTS)


def test_smiles_are_present_in_happy_faces() -> None:
    rng = np.random.default_rng(1)
    happy = [s for s in (random_spec(rng) for _ in range(400)) if s.emotion == "happiness"]
    assert np.mean([s.action_units.get(12, 0.0) >= 2 for s in happy]) > 0.9


def test_contempt_is_one_sided() -> None:
    rng = np.random.default_rng(2)
    scorn = [s for s in (random_spec(rng) for _ in range(400)) if s.emotion == "contempt"]
    assert all(abs(s.asymmetry[au]) > 0.8 for s in scorn for au in (12, 14) if au in s.action_units)


def test_a_given_person_is_kept() -> None:
    assert random_spec(np.random.default_rng(3), identity=42).identity == 42


def test_skin_tones_cover_the_scale_evenly() -> None:
    tones = np.array([person_look(n).tone for n in range(400)])
    counts, _ = np.histogram(tones, bins=3, range=(0, 9))
    assert counts.min() > 90  # 400 / 3 = 133 expected in each third


def test_a_look_belongs_to_its_person() -> None:
    a, b = person_look(5), person_look(5)
    assert np.array_equal(a.skin, b.skin) and a.hair_style == b.hair_style


def test_another_skin_tone_or_age_leaves_the_rest_of_the_person_alone():
    for identity in range(30):
        own = person_look(identity)
        other = person_look(identity, tone=9.0 - own.tone, age=1.0 - own.age)
        assert other.tone == 9.0 - own.tone and other.age == 1.0 - own.age
        assert not np.allclose(other.skin, own.skin)
        for name in ("hair", "brow", "iris", "clothes"):
            assert np.array_equal(getattr(own, name), getattr(other, name)), name
        for name in ("hair_style", "beard", "brow_width", "moles", "freckles", "glasses"):
            assert getattr(own, name) == getattr(other, name), name
