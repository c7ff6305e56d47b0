"""Shares among the tasks' numbers: ten people without an error do not promise certainty."""

import pytest

from facellm.core.statistics import Interval
from facellm.tasks import TASKS
from facellm.tasks.age import AgeAnswer
from facellm.tasks.authenticity import AuthenticityAnswer
from facellm.tasks.gaze import GazeAnswer
from facellm.tasks.head_pose import HeadPoseAnswer
from facellm.tasks.quality import QualityAnswer
from facellm.tasks.valence_arousal import ValenceArousalAnswer

GOLDS = {
    "age": AgeAnswer(age=34),
    "authenticity": AuthenticityAnswer(authentic=True),
    "gaze": GazeAnswer(direction="camera", pitch=0.0, yaw=0.0),
    "head_pose": HeadPoseAnswer(pitch=0.1, yaw=0.0, roll=0.0),
    "quality": QualityAnswer(quality=0.5),
    "valence_arousal": ValenceArousalAnswer(valence=0.5, arousal=-0.5),
}
SHARES = [
    *(("age", name) for name in ("cs5", "answered")),
    *(("authenticity", name) for name in ("accuracy", "answered")),
    *(("gaze", name) for name in ("direction_accuracy", "answered", "measured")),
    ("head_pose", "answered"),
    ("quality", "answered"),
    *(("valence_arousal", name) for name in ("valence/sagr", "arousal/sagr", "answered")),
]


def measured(task: str, name: str, right: int) -> Interval:
    """A number over ten people, one picture each; the first `right` answer with the gold."""
    gold = GOLDS[task]
    texts = [TASKS[task].render(gold)] * right + ["no idea at all"] * (10 - right)
    scored = [TASKS[task].scored(text, gold, f"p{n}") for n, text in enumerate(texts)]
    return TASKS[task].metrics(scored)[name]


@pytest.mark.parametrize(("task", "name"), SHARES)
def test_all_or_nothing_gets_wilsons_interval(task: str, name: str) -> None:
    # Wilson with t for z: t² / (S + t²) inwards. S = 10, t = 2.262 for 9 degrees of freedom:
    # 5.117 / 15.117 = 0.338.
    every, none = measured(task, name, 10), measured(task, name, 0)
    assert (every.value, every.high) == (1.0, 1.0)
    assert every.low == pytest.approx(1 - 0.338, abs=2e-3)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.338, abs=2e-3)


@pytest.mark.parametrize(("task", "name"), SHARES)
def test_a_share_between_gets_a_logit_interval(task: str, name: str) -> None:
    # p = 0.8: the draws deviate by √(0.8 · 0.2 / 10) = 0.1265; on the logit scale
    # 2.262 · 0.1265 · √(10 / 9) / 0.16 = 1.885 around ln 4 = 1.386: −0.499 to 3.271,
    # which is 0.378 to 0.963; a thousand draws come within a few hundredths of it.
    found = measured(task, name, 8)
    assert found.value == pytest.approx(0.8)
    assert found.low == pytest.approx(0.378, abs=0.03)
    assert found.high == pytest.approx(0.963, abs=0.01)
