"""Facts that are made up: anything may go with anything, and doubt is as large as it is told."""

import random

import numpy as np

from facellm.core.emotions import EMOTIONS
from facellm.core.sample import FaceLabels
from facellm.train.telling import make_up


def test_made_up_emotions_are_right_as_often_as_they_are_told_to_be():
    labels = FaceLabels(emotion="anger", action_units={4: 3.0, 12: 0.0}, expression="angrily sad")
    rng = random.Random(0)
    facts = [make_up(labels, rng) for _ in range(4000)]
    top = [max(fact.felt) for fact in facts]
    hit = [fact.felt[EMOTIONS.index(fact.labels.emotion)] == max(fact.felt) for fact in facts]
    assert abs(np.mean(hit) - np.mean(top)) < 0.03
    assert min(top) < 0.4 and max(top) > 0.98, "from doubt to certainty"
    assert all(fact.labels.expression is None for fact in facts), "nothing contradicts it"
    kept = [fact.labels.action_units[4] == 3 for fact in facts]
    assert 0.7 < np.mean(kept) < 0.85
    unknown = make_up(FaceLabels(), rng)
    assert unknown.felt is None and unknown.labels == FaceLabels()
    coded = FaceLabels(action_units={4: 2.0}, presence_only=frozenset({4}))
    assert all(make_up(coded, rng).labels == coded for _ in range(20)), "no intensity was coded"
