"""How a head is held: `<answer>{"pitch": 0.09, "yaw": -0.52, "roll": 0}</answer>`.

JSON holds radians, as everything does here that is called pitch, yaw or roll: + is up, to the
subject's right, to the subject's right. An answer in degrees is then mostly out of range and fails
instead of being read as a few radians. Sentences say whole degrees and name the direction. Gold is
a whole number of degrees, so that both registers say the same: at most half a degree is lost.
"""

import math
import random
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from pydantic import Field

from facellm.core.sample import FaceLabels, Record
from facellm.core.statistics import Interval
from facellm.tasks.base import Score, Scored
from facellm.tasks.columns import columns_of
from facellm.tasks.stated import Sentences, StatedTask

ANGLES = ("pitch", "yaw", "roll")
WORTHLESS = math.pi / 6
"""An angle that is off by this much, 30 degrees, or more scores nothing."""
DECIMALS = 2
"""Of the radians; enough to tell whole degrees (0.017) apart."""

DIRECTIONS = {
    "pitch": ("raised by {}", "lowered by {}", "level"),
    "yaw": (
        "turned {} to the subject's right", "turned {} to the subject's left", "facing forward",
    ),
    "roll": ("tilted {} to the subject's right", "tilted {} to the subject's left", "upright"),
}  # fmt: skip
"""Angle → how a positive one, a negative one and none is said."""
_DEGREES = r"[0-9]{1,4} degrees?"
_SLOTS = {angle: "|".join(words).replace("{}", _DEGREES) for angle, words in DIRECTIONS.items()}


class HeadPoseAnswer(Record):
    """The pose of one head in radians."""

    pitch: float = Field(ge=-math.pi, le=math.pi, strict=True)
    """+ is up."""
    yaw: float = Field(ge=-math.pi, le=math.pi, strict=True)
    """+ is to the subject's right."""
    roll: float = Field(ge=-math.pi, le=math.pi, strict=True)
    """+ is to the subject's right."""

    @property
    def angles(self) -> tuple[float, float, float]:
        """Pitch, yaw, roll."""
        return self.pitch, self.yaw, self.roll


@lru_cache(1 << 6)  # question, answer and verification of one face ask one after the other
def _answer_of(pose: tuple[float, float, float]) -> HeadPoseAnswer:
    degrees = (round(math.degrees(_wrapped(angle))) for angle in pose)
    return HeadPoseAnswer.model_validate(
        {name: _radians(angle) for name, angle in zip(ANGLES, degrees, strict=True)}
    )


class HeadPoseTask(StatedTask[HeadPoseAnswer]):
    """Estimate pitch, yaw and roll of a head."""

    name = "head_pose"
    schema = record = HeadPoseAnswer
    canonical = "What is the head pose of {face}?"
    suffix = (
        "Answer with pitch, yaw and roll in radians as JSON, positive up and to the subject's "
        "right."
    )
    asks = (
        "How is the head of {face} held?",
        "Estimate the head pose of {face}.",
        "By which angles is the head of {face} turned?",
    )
    prose_questions = (
        "how {does} {who} hold the head?", "what is {whose} head pose?", "head pose?",
        "how is {whose} head turned?", "by how many degrees is {whose} head turned and tilted?",
        "estimate {whose} head pose in degrees.", "give me the head pose of {them}.",
        "which way is {whose} head facing, in degrees?", "how is the head of {them} oriented?",
        "please estimate pitch, yaw and roll of {whose} head.", "which way is {whose} head turned?",
        "how far is {whose} head turned away from the camera?",
    )  # fmt: skip
    sentences = Sentences(
        "The head is {pitch}, {yaw} and {roll}.",
        "The head is {yaw}, {pitch} and {roll}.",
        "The head is {yaw}, {roll} and {pitch}.",
        "This person's head is {pitch}, {yaw} and {roll}.",
        "This person's head is {yaw}, {pitch} and {roll}.",
        "The head of this person is {yaw}, {roll} and {pitch}.",
        "The person holds the head {pitch}, {yaw} and {roll}.",
        "I see a head that is {yaw}, {pitch} and {roll}.",
        **_SLOTS,
    )

    def known(self, labels: FaceLabels) -> HeadPoseAnswer | None:
        """The labelled angles in whole degrees, as radians with two decimals."""
        return None if labels.pose is None else _answer_of(labels.pose)

    def say(self, answer: HeadPoseAnswer, rng: random.Random) -> str:
        """One sentence with the angles, rounded to whole degrees."""
        angles = zip(ANGLES, answer.angles, strict=True)
        return self.sentences.write(rng, **{name: _words(name, angle) for name, angle in angles})

    def hear(self, text: str) -> dict[str, object] | None:
        """The angles of a sentence in radians."""
        slots = self.sentences.read(text)
        return None if slots is None else {name: _angle(name, slots[name]) for name in ANGLES}

    def compare(self, prediction: HeadPoseAnswer | None, gold: HeadPoseAnswer) -> Score:
        """The mean of the three angles' 1 − |Δ| / 30°, not below 0."""
        if prediction is None:
            return Score(value=0.0, parts=dict.fromkeys(ANGLES, 0.0))
        pairs = zip(ANGLES, prediction.angles, gold.angles, strict=True)
        parts = {n: 1.0 - min(1.0, abs(_wrapped(p - g)) / WORTHLESS) for n, p, g in pairs}
        return Score(value=sum(parts.values()) / len(ANGLES), parts={**parts})

    def metrics(self, scored: Sequence[Scored[HeadPoseAnswer]]) -> dict[str, Interval]:
        """Add mean absolute errors in radians over the samples with an answer.

        Returns:
            `mae`: the mean over the angles; `mae/pitch`, `mae/yaw`, `mae/roll`; `answered`.
        """
        columns = columns_of(scored, lambda a: a.angles, len(ANGLES))
        off = columns.predicted - columns.gold
        off = np.abs((off + math.pi) % (2 * math.pi) - math.pi)
        there = columns.answered
        return {
            **super().metrics(scored),
            "mae": columns.mean(off.mean(axis=1), there),
            **{f"mae/{name}": columns.mean(off[:, i], there) for i, name in enumerate(ANGLES)},
            "answered": columns.mean(there, share=True),
        }


def _wrapped(angle: float) -> float:
    """The same angle in [-π, π)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _radians(degrees: int) -> float:
    return round(math.radians(degrees), DECIMALS) + 0.0  # no -0.0


def _words(name: str, angle: float) -> str:
    degrees = round(math.degrees(angle))
    positive, negative, straight = DIRECTIONS[name]
    if not degrees:
        return straight
    unit = "degree" if abs(degrees) == 1 else "degrees"
    return (positive if degrees > 0 else negative).format(f"{abs(degrees)} {unit}")


def _angle(name: str, words: str) -> float:
    positive, _, straight = DIRECTIONS[name]
    if words == straight:
        return 0.0
    degrees = next(int(word) for word in words.split() if word.isdecimal())
    start, _, end = positive.partition("{}")
    return _radians(degrees if words.startswith(start) and words.endswith(end) else -degrees)
