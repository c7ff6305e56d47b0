"""Ways that take turns: what is timed, what is compared, and who failed."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from facellm.core.errors import FaceLLMError
from serve.turns import Done, Work, in_turns, ratios


def test_ratios_are_of_the_same_round() -> None:
    rates = {"guided": (1.0, 4.0), "plain": (2.0, 4.0), "transformers": (0.5, 1.0)}
    rows = [
        {"way": way, "round": number, "per_second": rate}
        for way, both in rates.items()
        for number, rate in enumerate(both, 1)
    ]
    assert ratios(rows, "guided", ("plain", "transformers"), "per_second") == {
        "guided/plain": [0.5, 1.0],
        "guided/transformers": [2.0, 4.0],
    }


def sleeper(seconds: float) -> Work:
    def work(number: int) -> Callable[[], Done]:
        time.sleep(2 * seconds)  # preparing is not timed

        def do() -> Done:
            time.sleep(seconds * number)
            return Done(10, cpu_elsewhere=5.0)

        return do

    return work


@pytest.mark.slow
def test_ways_take_turns_and_count_what_worked_for_them() -> None:
    rows = in_turns({"a": partial(sleeper, 0.05), "b": partial(sleeper, 0.1)}, 2)
    assert [(row["way"], row["round"]) for row in rows] == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert [10 / row["per_second"] >= 0.05 * row["round"] for row in rows] == [True] * 4
    assert all(1.5 < row["per_cpu_second"] <= 2 for row in rows)


def broken() -> Work:
    raise SystemExit("out of memory")


@pytest.mark.slow
def test_a_way_that_ends_is_named() -> None:
    with pytest.raises(FaceLLMError, match="b ended before it was done"):
        in_turns({"a": partial(sleeper, 0.0), "b": broken}, 1)
