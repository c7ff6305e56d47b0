"""Where the eyes look: `<answer>{"direction": "down left", "pitch": -0.21, "yaw": -0.35}</answer>`.

Angles are radians of the line of sight as the camera sees it: (0, 0) looks along the optical axis,
+ is up and to the subject's right. The direction is one of nine words; a model that cannot measure
may give it alone. Sentences say whole degrees. Gold is a whole number of degrees, so that both
registers say the same.
"""

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from pydantic import Field

from facellm.core.agreement import Floats
from facellm.core.sample import FaceLabels, Record
from facellm.core.statistics import Interval, cluster_mean
from facellm.tasks.base import Score, Scored, answered
from facellm.tasks.columns import columns_of
from facellm.tasks.stated import Sentences, StatedTask

Direction = Literal[
    "camera", "up", "down", "left", "right", "up left", "up right", "down left", "down right"
]
"""Sides are the subject's; `camera` is along the optical axis."""
DIRECTION_FROM = 0.15
"""Angle in radians, about 9 degrees, from which the gaze has a direction."""
WORTHLESS = math.pi / 6
"""A line of sight that is off by this much, 30 degrees, or more scores nothing for its angle."""
ANGLES = ("pitch", "yaw")
DECIMALS = 2
"""Of the radians; enough to tell whole degrees (0.017) apart."""

_SIDES = {"left": "to the subject's left", "right": "to the subject's right"}
_DEGREES = r"[0-9]{1,3} degrees?"
_HEIGHT = ("{} up", "{} down", "level")
_TURN = ("{} to the subject's right", "{} to the subject's left", "straight")
"""How a positive angle, a negative one and none is said."""


def _spoken(direction: str) -> str:
    """A direction as sentences hold it: `up and to the subject's left`."""
    if direction == "camera":
        return "into the camera"
    return " and ".join(_SIDES.get(word, word) for word in direction.split())


DIRECTION_OF = {_spoken(name): name for name in get_args(Direction)}


class GazeAnswer(Record):
    """The line of sight of one face."""

    direction: Direction
    """Where it points, in words."""
    pitch: float | None = Field(default=None, ge=-math.pi / 2, le=math.pi / 2, strict=True)
    """Radians, + is up; None where the answer does not say."""
    yaw: float | None = Field(default=None, ge=-math.pi, le=math.pi, strict=True)
    """Radians, + is to the subject's right; None where the answer does not say."""


def direction_of(pitch: float, yaw: float) -> Direction:
    """The word for a line of sight in radians."""
    height = "up" if pitch > DIRECTION_FROM else "down" if pitch < -DIRECTION_FROM else ""
    side = "right" if yaw > DIRECTION_FROM else "left" if yaw < -DIRECTION_FROM else ""
    found: dict[str, Direction] = {name: name for name in get_args(Direction)}
    return found[f"{height} {side}".strip() or "camera"]


def angular_error(predicted: Floats, gold: Floats) -> Floats:
    """Angles in radians (N,) between lines of sight given as pitch and yaw in radians (N, 2).

    Between the unit vectors (cos p sin y, sin p, cos p cos y), as gaze estimation reports it
    (Zhang et al., 2015). By the chord, which is exact for small angles too.
    """
    chord = np.linalg.norm(_vectors(predicted) - _vectors(gold), axis=1)
    return np.asarray(2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0)), dtype=np.float64)


def _vectors(angles: Floats) -> Floats:
    pitch, yaw = angles[:, 0], angles[:, 1]
    return np.stack(
        [np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)], axis=1
    )


@lru_cache(1 << 6)  # question, answer and verification of one face ask one after the other
def _answer_of(gaze: tuple[float, float]) -> GazeAnswer:
    pitch, yaw = (_radians(round(math.degrees(angle))) for angle in gaze)
    return GazeAnswer(direction=direction_of(pitch, yaw), pitch=pitch, yaw=yaw)


class GazeTask(StatedTask[GazeAnswer]):
    """Tell where the eyes look, in a word and in angles."""

    name = "gaze"
    schema = record = GazeAnswer
    canonical = "Where does {face} look?"
    suffix = (
        "Answer with the direction (camera, up, down, left, right or two of them; the subject's "
        "sides) and pitch and yaw of the gaze in radians as JSON, positive up and to the subject's "
        "right."
    )
    asks = (
        "What is the gaze direction of {face}?",
        "In which direction do the eyes of {face} look?",
        "Estimate the gaze of {face}.",
    )
    prose_questions = (
        "where {does} {who} look?", "what is {whose} gaze direction?", "gaze direction?",
        "where are {whose} eyes directed?", "which way do {whose} eyes point, in degrees?",
        "in which direction do the eyes of {face} look?", "estimate {whose} gaze in degrees.",
        "{is_} {who} looking into the camera?", "where is {whose} gaze?",
        "give me {whose} line of sight.", "by how many degrees {does} {who} look away?",
        "please tell me where {who} {looks} to.",
    )  # fmt: skip
    sentences = Sentences(
        "The eyes look {direction} ({pitch}, {yaw}).",
        "The gaze goes {direction} ({pitch}, {yaw}).",
        "The eyes are directed {direction} ({pitch}, {yaw}).",
        "The line of sight goes {direction} ({pitch}, {yaw}).",
        "This person looks {direction} ({pitch}, {yaw}).",
        "The person's eyes look {direction} ({pitch}, {yaw}).",
        "I see eyes that look {direction} ({pitch}, {yaw}).",
        "The gaze is {pitch} and {yaw}, so the eyes look {direction}.",
        "Looking {direction}, the eyes are {pitch} and {yaw}.",
        direction="|".join(sorted(DIRECTION_OF, key=len, reverse=True)),
        pitch="|".join(_HEIGHT).replace("{}", _DEGREES),
        yaw="|".join(_TURN).replace("{}", _DEGREES),
    )

    def known(self, labels: FaceLabels) -> GazeAnswer | None:
        """The labelled line of sight in whole degrees, as radians, with its word."""
        return None if labels.gaze is None else _answer_of(labels.gaze)

    def say(self, answer: GazeAnswer, rng: random.Random) -> str:
        """One sentence with the word and the angles, or with the word alone where there are none.

        Angles are rounded to whole degrees.
        """
        if answer.pitch is None or answer.yaw is None:
            return f"The eyes look {_spoken(answer.direction)}."
        return self.sentences.write(
            rng,
            direction=_spoken(answer.direction),
            pitch=_words(answer.pitch, _HEIGHT),
            yaw=_words(answer.yaw, _TURN),
        )

    def hear(self, text: str) -> dict[str, object] | None:
        """Word and angles of a sentence."""
        bare = text.strip().removeprefix("The eyes look ").removesuffix(".")
        if bare in DIRECTION_OF:
            return {"direction": DIRECTION_OF[bare]}
        slots = self.sentences.read(text)
        if slots is None:
            return None
        return {
            "direction": DIRECTION_OF[slots["direction"]],
            "pitch": _angle(slots["pitch"], _HEIGHT),
            "yaw": _angle(slots["yaw"], _TURN),
        }

    def compare(self, prediction: GazeAnswer | None, gold: GazeAnswer) -> Score:
        """The mean of `direction` (the same word) and `angle` (1 − error / 30°, not below 0)."""
        if prediction is None:
            return Score(value=0.0, parts={"direction": 0.0, "angle": 0.0})
        direction = float(prediction.direction == gold.direction)
        given, true = _pair(prediction), _pair(gold)
        if given[0] == true[0] and given[1] == true[1]:  # not the pairs: those call NaN equal
            angle = 1.0
        else:
            off = angular_error(np.array([given]), np.array([true]))[0]
            angle = 0.0 if np.isnan(off) else 1.0 - min(1.0, float(off) / WORTHLESS)
        return Score(value=(direction + angle) / 2, parts={"direction": direction, "angle": angle})

    def metrics(self, scored: Sequence[Scored[GazeAnswer]]) -> dict[str, Interval]:
        """Add the error of the angles and how often the word is right.

        Returns:
            `angular_error`: mean angle in radians between the lines of sight, over the samples with
            angles; `direction_accuracy`: share of right words, no answer is wrong; `answered`:
            share of samples with a word; `measured`: share with angles.
        """
        columns = columns_of(scored, _pair, len(ANGLES))
        words = [(p, g, who) for p, g, who in answered(scored)]
        right = [float(p is not None and p.direction == g.direction) for p, g, _ in words]
        return {
            **super().metrics(scored),
            "angular_error": columns.mean(
                angular_error(columns.predicted, columns.gold), columns.answered
            ),
            "direction_accuracy": cluster_mean([who for *_, who in words], right, share=True),
            "answered": cluster_mean(
                [who for *_, who in words], [float(p is not None) for p, _, _ in words], share=True
            ),
            "measured": columns.mean(columns.answered, share=True),
        }


def _pair(answer: GazeAnswer) -> tuple[float, float]:
    """Pitch and yaw; NaN where the answer does not say."""
    if answer.pitch is None or answer.yaw is None:
        return math.nan, math.nan
    return answer.pitch, answer.yaw


def _radians(degrees: int) -> float:
    return round(math.radians(degrees), DECIMALS) + 0.0  # no -0.0


def _words(angle: float, forms: tuple[str, str, str]) -> str:
    degrees = round(math.degrees(angle))
    if not degrees:
        return forms[2]
    unit = "degree" if abs(degrees) == 1 else "degrees"
    return forms[0 if degrees > 0 else 1].format(f"{abs(degrees)} {unit}")


def _angle(words: str, forms: tuple[str, str, str]) -> float:
    if words == forms[2]:
        return 0.0
    degrees = int(words.split()[0])
    return _radians(degrees if words.endswith(forms[0].removeprefix("{}")) else -degrees)
