"""Gaze: radians and a word in JSON, degrees in prose, the angle between two lines of sight."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stated import same_numbers
from task_samples import sample

from eval.metrics.continuous import gaze as gaze_numbers
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.gaze import GazeAnswer, GazeTask, angular_error

TASK = GazeTask()


def gold_of(*gaze: float) -> GazeAnswer:
    gold = TASK.target(sample(FaceLabels(gaze=gaze)), random.Random(0))
    assert gold is not None
    return gold


@given(gaze=st.tuples(st.floats(-1.5, 1.5), st.floats(-3.1, 3.1)), seed=st.integers(0, 99))
def test_every_gold_survives_both_registers(gaze: tuple[float, float], seed: int) -> None:
    gold = gold_of(*gaze)
    assert TASK.parse(TASK.render(gold)) == gold
    assert TASK.parse(TASK.render(gold, "prose", random.Random(seed))) == gold


def test_signs_and_words() -> None:
    gold = gold_of(math.radians(-12), math.radians(20))
    assert gold == GazeAnswer(direction="down right", pitch=-0.21, yaw=0.35)
    said = (
        "The eyes look down and to the subject's right "
        "(12 degrees down, 20 degrees to the subject's right)."
    )
    assert TASK.parse(said) == gold
    assert gold_of(0.05, -0.1).direction == "camera"
    assert TASK.parse("The eyes look into the camera.") == GazeAnswer(direction="camera")
    assert TASK.target(sample(FaceLabels(pose=(0, 0, 0))), random.Random(0)) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"direction": "sideways"}',
        '{"pitch": 0.1, "yaw": 0.2}',
        '{"direction": "left", "pitch": 20, "yaw": 5}',
        '{"direction": "left", "yaw": "0.3"}',
        "The eyes look to the left.",
        "The eyes do not look into the camera.",
        "She may be looking up.",
    ],
)
def test_answers_that_are_not(text: str) -> None:
    assert isinstance(TASK.parse(text), ParseFailure)


def test_scores_by_hand() -> None:
    gold = GazeAnswer(direction="camera", pitch=0.0, yaw=0.0)
    off = GazeAnswer(direction="right", pitch=0.0, yaw=math.pi / 12)
    assert TASK.compare(off, gold).parts == {"direction": 0.0, "angle": pytest.approx(0.5)}
    alone = TASK.compare(GazeAnswer(direction="camera"), gold)
    assert (alone.value, alone.parts["angle"]) == (0.5, 0.0)
    # Looking straight up, yaw means nothing: the lines of sight are the same.
    up = np.array([[math.pi / 2, 0.0]]), np.array([[math.pi / 2, 1.0]])
    assert angular_error(*up)[0] == pytest.approx(0.0, abs=1e-7)
    aside = np.array([[0.0, 0.0]]), np.array([[0.0, math.pi / 2]])
    assert angular_error(*aside)[0] == pytest.approx(math.pi / 2)


def test_metrics_are_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    gold = rng.uniform(-0.6, 0.6, (40, 2)).round(2)
    predicted = (gold + rng.normal(0, 0.2, gold.shape)).round(2)
    predicted[1::9] = np.nan
    subjects = [f"p{n % 6}" for n in range(40)]
    scored = [
        TASK.scored("?" if np.isnan(p).any() else TASK.render(gold_of(*p)), gold_of(*g), who)
        for p, g, who in zip(predicted.tolist(), gold.tolist(), subjects, strict=True)
    ]
    found = TASK.metrics(scored)

    def stated(row: list[float]) -> tuple[float, float]:
        answer = gold_of(*row)
        assert answer.pitch is not None and answer.yaw is not None
        return answer.pitch, answer.yaw

    said = np.array([(np.nan, np.nan) if np.isnan(p).any() else stated(p.tolist())
                     for p in predicted])  # fmt: skip
    wanted = gaze_numbers(said, np.array([stated(g) for g in gold.tolist()]), subjects)
    same_numbers(found["angular_error"], wanted["angular_error"])
    same_numbers(found["measured"], wanted["answered"])
