"""What the tests of the tasks with exact answers share."""

import pytest

from facellm.core.statistics import Interval


def same_numbers(one: Interval, two: Interval) -> None:
    """The same statistic over the same samples and draws."""
    assert (one.n, one.subjects) == (two.n, two.subjects)
    for a, b in ((one.value, two.value), (one.low, two.low), (one.high, two.high)):
        assert (a is None) == (b is None)
        assert a is None or a == pytest.approx(b, abs=1e-9)
