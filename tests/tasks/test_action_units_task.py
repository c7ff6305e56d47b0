"""The action unit task: reading, partial labels, scores and metrics by hand."""

import random

import pytest
from task_samples import DISFA, RIG, full, sample

from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.action_units import ActionUnitsAnswer, ActionUnitsTask
from facellm.tasks.units import intensity_agreement, presence_f1

TASK = ActionUnitsTask()


def _read(text: str) -> dict[int, float]:
    answer = TASK.parse(text)
    assert isinstance(answer, ActionUnitsAnswer), answer
    return answer.units


def test_full_labels_list_units_from_a_rounded_one() -> None:
    labels = full(AU1=0.4, AU2=0.5, AU12=3.4, AU25=5.0)
    answer = TASK.target(sample(labels), random.Random(0))
    assert answer is not None
    assert TASK.render(answer) == '<answer>{"AU2": 1, "AU12": 3, "AU25": 5}</answer>'
    assert answer.rated == RIG


def test_partial_labels_are_asked_for_by_name_and_answered_with_zeros() -> None:
    picture = sample(FaceLabels(action_units={12: 3.0, 1: 0.0, 4: 2.0}))
    for seed in range(20):
        question = TASK.question(picture, random.Random(seed))
        assert "AU1, AU4 and AU12" in question
        assert question.endswith(TASK.suffix)
        assert "AU1, AU4 and AU12" in TASK.question(picture, random.Random(seed), 1, "prose")
    exchange = TASK.exchange(picture, random.Random(0))
    assert exchange is not None
    assert exchange.text == '<answer>{"AU1": 0, "AU4": 2, "AU12": 3}</answer>'


def test_units_without_labels_are_unscored() -> None:
    gold = ActionUnitsAnswer(units={12: 3.0}, rated=(12,))
    score = TASK.scored('<answer>{"AU12": 3, "AU1": 5}</answer>', gold, "s").score
    assert score.value == 1.0


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ('{"AU12": 3}', {12: 3.0}),
        ('{"AU06": 2.5, "AU1": 0}', {1: 0.0, 6: 2.5}),
        ("<answer>{}</answer>", {}),
        ("The lip corners are pulled up (AU12, pronounced).", {12: 4.0}),
        ("The lip corners are pulled up (AU12). AU1 is absent.", {12: 2.0, 1: 0.0}),
        ("The face is at rest.", {}),
    ],
)
def test_answers_that_can_be_read(text: str, units: dict[int, float]) -> None:
    assert _read(text) == units


@pytest.mark.parametrize(
    "text",
    [
        '{"AU12": "3"}',
        '{"AU12": true}',
        '{"AU12": 6}',
        '{"AU12": -1}',
        '{"AU12": null}',
        '{"AU99": 1}',
        '{"12": 1}',
        '{"AU6": 1, "AU06": 2}',
        '{"emotion": "happiness"}',
        '{"AU12": 3 // marked\n}',
        "AU12",
        "AU12 and AU1",
        "No idea.",
        "The nose is wrinkled.",
    ],
)
def test_answers_that_cannot(text: str) -> None:
    assert isinstance(TASK.parse(text), ParseFailure)


def test_codes_that_begin_alike_are_different_units() -> None:
    gold = ActionUnitsAnswer(units={1: 3.0})
    for other in ("AU12", "AU10"):
        assert TASK.scored(f'{{"{other}": 3}}', gold, "s").score.parts["f1"] == 0.0


def test_score_by_hand() -> None:
    gold = ActionUnitsAnswer(units={6: 2.0, 12: 4.0, 25: 1.0}, rated=RIG)
    # Present in gold: 6, 12; predicted: 12, 4 → F1 = 2·1 / (2 + 2) = 0.5.
    # Union 4, 6, 12, 25: |2−0| + |0−2| + |3−4| + |1−1| = 5 → 1 − 5/4/5 = 0.75.
    score = TASK.scored('{"AU4": 2, "AU12": 3, "AU25": 1}', gold, "s").score
    assert score.parts == {"f1": 0.5, "intensity": 0.75}
    assert score.value == pytest.approx(0.625)


def test_listing_every_unit_pays_less_than_seeing_one() -> None:
    gold = ActionUnitsAnswer(units={6: 2.0, 12: 3.0}, rated=RIG)
    every = TASK.score(ActionUnitsAnswer(units=dict.fromkeys(RIG, 3.0)), gold).value
    one = TASK.score(ActionUnitsAnswer(units={12: 3.0}), gold).value
    assert every is not None and one is not None
    assert every < 0.35 < 0.7 < one


def test_empty_against_empty_is_perfect() -> None:
    assert presence_f1({}, {}) == 1.0
    assert intensity_agreement({1: 0.0}, {}) == 1.0


def test_metrics_by_hand() -> None:
    def scored(text: str, subject: str, **units: float):  # type: ignore[no-untyped-def]
        gold = TASK.target(sample(full(**units)), random.Random(0))
        assert gold is not None
        return TASK.scored(text, gold, subject)

    numbers = TASK.metrics(
        [
            scored('{"AU12": 4}', "a", AU12=4.0),
            scored('{"AU12": 2, "AU4": 3}', "b", AU12=1.0),
            scored("sorry", "c", AU12=3.0, AU4=3.0),
        ]
    )
    # AU12: TP 1, FP 1, FN 1 → 1/2. AU4: TP 0, FP 1, FN 1 → 0. Other units never occur.
    assert numbers["f1/AU12"].value == pytest.approx(0.5)
    assert numbers["f1/AU4"].value == 0.0
    assert numbers["f1/AU1"].value is None
    assert numbers["f1"].value == pytest.approx(0.25)
    # |Δ|: AU12 0 + 1 + 3, AU4 0 + 3 + 3 over 3 samples of 12 units.
    assert numbers["mae"].value == pytest.approx(10 / 36)
    assert numbers["parsed"].value == pytest.approx(2 / 3)
    assert numbers["icc31_pooled"].value is not None
    assert {f"f1/AU{n}" for n in DISFA} <= set(numbers)
    assert "f1/AU10" in TASK.metrics([scored('{"AU12": 4}', "a")], protocol="bp4d12")
