"""One fake server for all tests of a run: a real HTTP server in a process of its own."""

import pytest
from fake_server import FakeServer


@pytest.fixture(scope="session")
def server():
    with FakeServer() as running:
        yield running
