"""Two faces: which shows more, what differs, is the expression the same; and nothing guessed."""

import random

import pytest
from task_samples import full, sample

from facellm.core.grammar import ParseFailure
from facellm.core.sample import Sample
from facellm.tasks.comparison import ComparisonAnswer, ComparisonTask

TASK = ComparisonTask()
MORE = ComparisonAnswer(kind="more", faces=(1, 2), action_unit=12, more=2)
NEITHER = ComparisonAnswer(kind="more", faces=(1, 2), action_unit=12, more=0)
ALIKE = ComparisonAnswer(kind="alike", faces=(1, 2), same=False, emotions=("anger", "fear"))
DIFFERS = ComparisonAnswer(kind="differences", faces=(1, 2), differs={"AU12": (0.0, 4.0)})


def golds(picture: Sample) -> list[ComparisonAnswer]:
    found = [TASK.target(picture, random.Random(seed), 1) for seed in range(60)]
    return [gold for gold in found if gold is not None]


def test_gold_follows_the_labels() -> None:
    found = golds(sample(full("anger", AU4=1.0, AU12=0.0), full("happiness", AU4=2.2, AU12=3.0)))
    assert {gold.kind for gold in found} == {"more", "alike"}  # AU4 is neither apart nor alike
    assert all(gold.action_unit != 4 for gold in found)
    assert {gold.more for gold in found if gold.action_unit == 12} == {2}
    assert {gold.more for gold in found if gold.action_unit not in (12, None)} == {0}
    assert {gold.same for gold in found if gold.kind == "alike"} == {False}
    found = golds(sample(full("anger"), full("anger", AU12=3.0)))
    assert {"differences"} <= {gold.kind for gold in found}
    assert next(g.differs for g in found if g.kind == "differences") == {"AU12": (0.0, 3.0)}


def test_units_known_as_present_alone_are_not_compared() -> None:
    coded = full(None, AU12=3.0).model_copy(
        update={"presence_only": frozenset(full().action_units)}
    )
    assert TASK.target(sample(coded, full(None)), random.Random(0)) is None
    assert TASK.target(sample(full("anger")), random.Random(0)) is None


@pytest.mark.parametrize(
    ("text", "gold", "value"),
    [
        ('{"more": "face 2"}', MORE, 1.0),
        ('{"more": "Face 1"}', MORE, 0.0),
        ('{"more": "neither"}', NEITHER, 1.0),
        ('{"same": false}', ALIKE, 1.0),
        ('{"same": false}', MORE, 0.0),
        ('{"differs": {"AU12": [0, 3]}}', DIFFERS, 1.0),
        ('{"differs": {"AU12": [3, 0]}}', DIFFERS, 0.0),  # the other way round
        ('{"differs": {"AU12": [0, 3], "AU4": [0, 2]}}', DIFFERS, pytest.approx(2 / 3)),
        ("Face 2.", MORE, 1.0),
        ("Face 2 shows more of it.", MORE, 1.0),
        ("Face 2 shows more of it than face 1.", MORE, 1.0),
        ("The second picture does.", MORE, 1.0),
        ("In face 1 AU12 is absent. In face 2 the lips curl (AU12, marked).", MORE, 1.0),
        ("In face 1 the lips curl (AU12, trace). In face 2 AU12 is absent.", MORE, 0.0),
        ("Both show about the same.", NEITHER, 1.0),
        ("Face 1 looks angry, face 2 looks scared.", ALIKE, 1.0),
        ("Yes, both look happy.", ALIKE, 0.0),
    ],
)  # fmt: skip
def test_scores(text: str, gold: ComparisonAnswer, value: float) -> None:
    prediction = TASK.parse(text)
    assert not isinstance(prediction, ParseFailure), prediction
    assert TASK.score(prediction, gold).value == value


@pytest.mark.parametrize(
    "text",
    [
        "Face 1 or face 2.",
        "Face 1 shows less of it.",
        "Maybe face 2 shows more.",
        "Face 2 does not show more.",
        "Face 1 shows more. Face 2 shows more.",
        "It is hard to tell.",
        "The lips curl (AU12, marked).",
        "Face 1 looks happy and sad.",
        "Yes.",
        '{"more": "yes"}',
        '{"more": "face 1", "same": true}',
        '{"more": null}',
        '{"differs": {"AU99": [1, 2]}}',
        '{"differs": {"AU12": [1]}}',
        '{"same": "no"}',
    ],
)
def test_answers_that_are_not(text: str) -> None:
    assert isinstance(TASK.parse(text), ParseFailure), TASK.parse(text)
