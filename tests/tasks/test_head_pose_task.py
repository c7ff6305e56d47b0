"""Head pose: radians in JSON, degrees with a direction in prose, and errors as `eval` has them."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stated import same_numbers
from task_samples import sample

from eval.metrics.continuous import pose
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.head_pose import HeadPoseAnswer, HeadPoseTask

TASK = HeadPoseTask()
angle = st.floats(-math.pi, math.pi)
ANSWER = HeadPoseAnswer(pitch=0.09, yaw=-0.52, roll=0.0)


def gold_of(*pose: float) -> HeadPoseAnswer:
    gold = TASK.target(sample(FaceLabels(pose=pose)), random.Random(0))
    assert gold is not None
    return gold


@given(pose=st.tuples(angle, angle, angle), seed=st.integers(0, 99))
def test_every_gold_survives_both_registers(pose: tuple[float, ...], seed: int) -> None:
    gold = gold_of(*pose)
    assert TASK.parse(TASK.render(gold)) == gold
    assert TASK.parse(TASK.render(gold, "prose", random.Random(seed))) == gold
    for label, value in zip(pose, gold.angles, strict=True):
        off = abs((label - value + math.pi) % (2 * math.pi) - math.pi)
        assert off <= math.radians(0.5) + 0.005 + 1e-9


@given(pose=st.tuples(angle, angle, angle))
def test_every_answer_survives_json(pose: tuple[float, float, float]) -> None:
    answer = HeadPoseAnswer(pitch=pose[0], yaw=pose[1], roll=pose[2])
    assert TASK.parse(TASK.render(answer)) == answer


def test_signs_and_units() -> None:
    gold = gold_of(math.radians(5.2), math.radians(-30), -0.001)
    assert gold == ANSWER
    assert TASK.render(gold) == '<answer>{"pitch": 0.09, "yaw": -0.52, "roll": 0}</answer>'
    said = "The head is raised by 5 degrees, turned 30 degrees to the subject's left and upright."
    assert TASK.parse(said) == gold
    assert gold_of(0, 2 * math.pi - 0.1, 0) == gold_of(0, -0.1, 0)  # the same pose, said once
    assert TASK.target(sample(FaceLabels()), random.Random(0)) is None
    opposite = "The head is level, tilted 1 degree to the subject's right and facing forward."
    assert isinstance(TASK.parse(opposite), ParseFailure)
    opposite = "The head is facing forward, tilted 1 degree to the subject's right and level."
    assert TASK.parse(opposite) == HeadPoseAnswer(pitch=0.0, yaw=0.0, roll=0.02)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"pitch": 5, "yaw": -30, "roll": 0}', "pitch: Input should be less"),  # degrees
        ('{"pitch": 0, "yaw": -30, "roll": 0}', "yaw: Input should be greater"),
        ('{"pitch": 0.1, "yaw": 0.1}', "roll"),
        ('{"pitch": 0.1, "yaw": 0.1, "roll": "0"}', "roll"),
        ('{"pitch": 0.1, "yaw": 0.1, "roll": null}', "roll"),
        ('{"pitch": 0.1, "yaw": 0.1, "roll": 0, "unit": "rad"}', "unit"),
        ('{"Pitch": 0.1, "Yaw": 0.1, "Roll": 0}', "pitch"),
        ("The head is level, turned 400 degrees to the subject's left and upright.", "yaw"),
        ("The head is level, turned 30 degrees to the left and upright.", "no answer"),
        ("The head is level, not turned 30 degrees to the subject's left and upright.",
         "no answer"),
        ("The head is level, turned 0.3 to the subject's left and upright.", "no answer"),
        ("The head is level, facing forward and upright. It is not level.", "no answer"),
        ("The head is level.", "no answer"),
    ],
)  # fmt: skip
def test_answers_that_are_not(text: str, reason: str) -> None:
    failure = TASK.parse(text)
    assert isinstance(failure, ParseFailure) and reason in failure.reason, failure


def test_scores_by_hand() -> None:
    said = HeadPoseAnswer(pitch=0.09, yaw=-0.52 + math.pi / 12, roll=1.0)
    score = TASK.compare(said, ANSWER)
    assert score.parts == {"pitch": 1.0, "yaw": pytest.approx(0.5), "roll": 0.0}
    assert score.value == pytest.approx(0.5)
    behind = HeadPoseAnswer(pitch=0, yaw=3.14, roll=0), HeadPoseAnswer(pitch=0, yaw=-3.14, roll=0)
    assert TASK.compare(*behind).value == pytest.approx(1.0, abs=0.01)


def test_metrics_are_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    gold = rng.uniform(-1, 1, (50, 3)).round(2)
    gold[0] = 0, 3.1, 0
    predicted = (gold + rng.normal(0, 0.3, gold.shape)).round(2)
    predicted[0] = 0, -3.1, 0
    predicted[1::9] = np.nan
    subjects = [f"p{n % 6}" for n in range(50)]

    def answer(row: list[float]) -> HeadPoseAnswer:
        return HeadPoseAnswer(pitch=row[0], yaw=row[1], roll=row[2])

    scored = [
        TASK.scored("?" if np.isnan(p).any() else TASK.render(answer(p)), answer(g), who)
        for p, g, who in zip(predicted.tolist(), gold.tolist(), subjects, strict=True)
    ]
    found, wanted = TASK.metrics(scored), pose(predicted, gold, subjects)
    for name in ("mae", "mae/pitch", "mae/yaw", "mae/roll", "answered"):
        same_numbers(found[name], wanted[name])
