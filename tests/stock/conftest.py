"""Each stock family as it comes and with a face-region encoder, built once a session."""

from collections.abc import Iterator

import pytest
import tiny
from twins import Pair, lent


@pytest.fixture(scope="session")
def pairs() -> dict[str, Pair]:
    return {}


@pytest.fixture(params=list(tiny.FAMILIES))
def pair(request: pytest.FixtureRequest, pairs: dict[str, Pair]) -> Iterator[Pair]:
    yield from lent(request.param, pairs)
