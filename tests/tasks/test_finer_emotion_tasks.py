"""Forty categories, compounds and open words: what is the same, what is no answer, the numbers."""

import random

import numpy as np
import pytest
from task_samples import sample

from eval.metrics.classification import classification
from facellm.core.emotions import COMPOUNDS, EMONET40, EMONET_WORDS, emotion_words
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks import TASKS
from facellm.tasks.categories import CompoundAnswer, Emotion40Answer
from facellm.tasks.open_emotion import OpenEmotionAnswer

OPEN, FORTY, COMPOUND = TASKS["open_emotion"], TASKS["emotion40"], TASKS["compound_expression"]


def test_the_taxonomy() -> None:
    assert len(EMONET40) == len(set(EMONET40)) == 40
    assert len(COMPOUNDS) == 11
    assert set(EMONET_WORDS.values()) == set(EMONET40)
    assert EMONET_WORDS["ecstasy"] == "pleasure/ecstasy"
    assert emotion_words("Jealousy & Envy") == ("jealousy", "envy")
    assert emotion_words("anger and fear") == ("anger", "fear")
    assert "happy" not in EMONET_WORDS  # elation, amusement and contentment all are


@pytest.mark.parametrize("category", EMONET40)
def test_every_category_survives_both_registers(category: str) -> None:
    gold = FORTY.target(sample(FaceLabels(expression=category)), random.Random(0))
    assert gold == Emotion40Answer(category=category)
    for seed in range(9):
        assert FORTY.parse(FORTY.render(gold, "prose", random.Random(seed))) == gold
    assert FORTY.parse(f'{{"category": "{category.upper()}"}}') == gold


def test_labels_of_other_protocols_are_no_gold() -> None:
    for label in ("happily surprised", "anger and fear", None):
        assert FORTY.target(sample(FaceLabels(expression=label)), random.Random(0)) is None
    labels = FaceLabels(expression="sadly angry")
    assert COMPOUND.target(sample(labels), random.Random(0)) == CompoundAnswer(
        category="sadly angry"
    )
    assert COMPOUND.target(sample(FaceLabels(expression="elation")), random.Random(0)) is None


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("emotion40", '{"category": "happiness"}'),
        ("emotion40", '{"category": ["fear"]}'),
        ("emotion40", '{"emotion": "fear"}'),
        ("emotion40", "The face shows fear or anger."),
        ("emotion40", "The face does not show fear."),
        ("compound_expression", '{"category": "surprised happily"}'),
        ("compound_expression", "The face looks happily."),
        ("open_emotion", '{"emotions": []}'),
        ("open_emotion", '{"emotions": "joy"}'),
        ("open_emotion", '{"emotions": ["not happy"]}'),
        ("open_emotion", '{"emotions": ["joy", 3]}'),
        ("open_emotion", "The emotions are not visible here."),
        ("open_emotion", "The face shows joy or fear."),
    ],
)
def test_answers_that_are_not(task: str, text: str) -> None:
    assert isinstance(TASKS[task].parse(text), ParseFailure)


def test_numbers_of_classes_are_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(3)
    gold = [str(c) for c in rng.choice(EMONET40[:12], 80)]
    said = [str(c) if rng.random() < 0.5 else g for c, g in zip(rng.choice(EMONET40, 80), gold,
                                                                strict=True)]  # fmt: skip
    subjects = [f"p{n % 8}" for n in range(80)]
    scored = [
        FORTY.scored("?" if n % 10 == 3 else f'{{"category": "{s}"}}', Emotion40Answer(category=g),
                     who)
        for n, (s, g, who) in enumerate(zip(said, gold, subjects, strict=True))
    ]  # fmt: skip
    found = FORTY.metrics(scored)
    told = [None if n % 10 == 3 else s for n, s in enumerate(said)]
    wanted = classification(told, gold, subjects, EMONET40)
    for name in ("accuracy", "uar", "macro_f1"):
        assert found[name].value == pytest.approx(wanted[name].value)
        assert found[name].n == wanted[name].n == 80
    assert wanted["war"].value == pytest.approx(found["accuracy"].value)


def test_open_words_by_hand() -> None:
    gold = OpenEmotionAnswer(emotions=("pleasure/ecstasy", "relief"))
    assert gold.emotions == ("pleasure", "ecstasy", "relief")
    assert gold.meanings == {"pleasure/ecstasy", "relief"}
    said = OPEN.parse('{"emotions": ["Ecstatic", "wonderment", "wistful"]}')
    score = OPEN.compare(said, gold)  # one of three said, one of two there
    assert score.parts == {"precision": pytest.approx(1 / 3), "recall": 0.5,
                           "f1": pytest.approx(0.4)}  # fmt: skip
    angry = OpenEmotionAnswer(emotions=("angry",))
    assert OPEN.compare(angry, OpenEmotionAnswer(emotions=("anger",))).value == 1.0
    scored = [
        OPEN.scored('{"emotions": ["joy", "relief"]}', gold, "a"),
        OPEN.scored("?", gold, "b"),
    ]
    found = OPEN.metrics(scored)
    assert (found["hit"].value, found["words"].value, found["answered"].value) == (0.5, 1.0, 0.5)


def test_open_gold_prefers_the_finer_label() -> None:
    both = FaceLabels(emotion="anger", expression="anxiety and helplessness")
    gold = OPEN.target(sample(both), random.Random(0))
    assert gold == OpenEmotionAnswer(emotions=("anxiety", "helplessness"))
    gold = OPEN.target(sample(FaceLabels(emotion="anger")), random.Random(0))
    assert gold == OpenEmotionAnswer(emotions=("anger",))
