"""Shares of `eval.metrics` get the interval of shares: ten people without an error say ≥ 0.66."""

import numpy as np
import pytest

from eval.metrics.calibration import calibration, reliability
from eval.metrics.choice import multiple_choice
from eval.metrics.classification import classification
from eval.metrics.continuous import age
from eval.metrics.open_vocabulary import hit_rate
from eval.metrics.ranks import binary
from facellm.core.statistics import Interval

PEOPLE = [f"p{n}" for n in range(10)]
WILSON = 1 - 0.338
"""1 − t² / (S + t²) for S = 10 people and t = 2.262."""


def every_number() -> dict[str, Interval]:
    ones, yes = np.ones(10), [True] * 10
    numbers = {
        "choice": multiple_choice(
            ["A"] * 10, ["A"] * 10, [{"A": "x", "B": "y"}] * 10, PEOPLE, ["c"] * 10
        ),
        "classification": classification(["joy"] * 10, ["joy"] * 10, PEOPLE, ("joy", "fear")),
        "age": age(ones * 30, ones * 31, PEOPLE),
        "binary": binary(ones, yes, PEOPLE),
        "hit_rate": hit_rate([["joy"]] * 10, ["joy"] * 10, PEOPLE),
        "calibration": calibration(ones * 0.9, yes, PEOPLE),
    }
    return {f"{kind}.{name}": one for kind, own in numbers.items() for name, one in own.items()}


def test_perfect_shares_are_not_certain():
    found = every_number()
    shares = (
        "choice.accuracy", "choice.answered", "choice.accuracy_answered", "choice.accuracy/c",
        "classification.accuracy", "classification.answered", "classification.recall/joy",
        "classification.precision/joy", "age.cs5", "age.answered", "binary.accuracy",
        "binary.answered", "hit_rate.hit", "hit_rate.answered", "calibration.accuracy",
    )  # fmt: skip
    for name in shares:
        assert (found[name].value, found[name].high) == (1.0, 1.0), name
        assert found[name].low == pytest.approx(WILSON, abs=2e-3), name


def test_bins_of_the_reliability_table_too():
    *_, last = reliability(np.full(10, 0.95), [True] * 10, PEOPLE)
    assert last.accuracy.low == pytest.approx(WILSON, abs=2e-3)


def test_errors_are_no_shares():
    assert every_number()["age.mae"].low == every_number()["age.mae"].value == 1.0
