"""The expression task: whole words or nothing, and metrics by hand."""

import random

import pytest
from task_samples import full, sample

from facellm.core.grammar import ParseFailure
from facellm.core.read_prose import words
from facellm.core.sample import FaceLabels
from facellm.tasks.expression import ExpressionAnswer, ExpressionTask

TASK = ExpressionTask()


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ('<answer>{"emotion": "happiness"}</answer>', "happiness"),
        ('{"emotion": "Happy"}', "happiness"),
        ("happy", "happiness"),
        (" **Happiness**. ", "happiness"),
        ("'sad'", "sadness"),
        ("unhappy", "sadness"),
        ("Yes, this face looks happy.", "happiness"),
        ("No, this face looks sad.", "sadness"),
        ("The nose is noticeable and the person looks angry.", "anger"),
    ],
)
def test_answers_that_name_one_emotion(text: str, emotion: str) -> None:
    assert TASK.parse(text) == ExpressionAnswer(emotion=emotion)


@pytest.mark.parametrize(
    "text",
    [
        "A person with eyes and a nose.",  # neither option A, nor yes, nor no
        "A",
        "happy or sad",
        "happysad",
        "not happy",
        "The person is not happy.",
        "No, he is not happy, he looks sad.",
        "Is this person happy?",
        "Yes",
        "I cannot tell.",
        '{"emotion": "happiness", "confidence": 0.9}',
        '{"emotion": null}',
        '{"emotion": ["happiness"]}',
        '{"Emotion": "happiness"}',
        'The answer is <answer>{"emotion": "happiness"}</answer>',
    ],
)
def test_answers_that_do_not(text: str) -> None:
    assert isinstance(TASK.parse(text), ParseFailure)


def test_yes_and_no_agree_with_the_label() -> None:
    picture = sample(FaceLabels(emotion="happiness"))
    said = {"Yes": 0, "No": 0}
    for seed in range(400):
        exchange = TASK.exchange(picture, random.Random(seed), 1, "prose")
        assert exchange is not None
        word = exchange.text.split(",")[0]
        if word in said:
            said[word] += 1
            shown = not {"happy", "joyful"}.isdisjoint(words(exchange.question))
            assert shown == (word == "Yes"), exchange
        assert TASK.parse(exchange.text) == exchange.answer
    assert min(said.values()) > 15


def test_accuracy_and_macro_f1_by_hand() -> None:
    gold = [("a", "happiness"), ("a", "happiness"), ("b", "sadness"), ("c", "sadness")]
    texts = ["happy", "sad", "sad", "no idea"]
    scored = [
        TASK.scored(text, ExpressionAnswer(emotion=emotion), subject)
        for text, (subject, emotion) in zip(texts, gold, strict=True)
    ]
    numbers = TASK.metrics(scored)
    # 2 of 4 right. Happiness: TP 1, FP 0, FN 1 → 2/3. Sadness: TP 1, FP 1, FN 1 → 1/2.
    assert numbers["accuracy"].value == 0.5
    assert numbers["macro_f1"].value == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert numbers["parsed"].value == 0.75
    assert (numbers["accuracy"].n, numbers["accuracy"].subjects) == (4, 3)


def test_questions_about_the_second_face_get_its_label() -> None:
    picture = sample(full("sadness"), full("anger"))
    assert TASK.target(picture, random.Random(0), 2) == ExpressionAnswer(emotion="anger")
