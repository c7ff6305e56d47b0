import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chat_server import Server
from little_clips import render_clips
from small_corpus import small_corpus

from eval.side_by_side import side_by_side


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return small_corpus(tmp_path_factory.mktemp("evaluation") / "corpus")


@pytest.fixture(scope="session")
def corpus_of(corpus, tmp_path_factory) -> Callable[[str], Path]:
    """Task -> a corpus whose pictures it can be asked about."""
    joined = side_by_side(corpus, tmp_path_factory.mktemp("evaluation") / "joined")
    return lambda task: joined if task == "comparison" else corpus


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """A corpus of two rendered clips, one with labelled frames; see `little_clips`."""
    pytest.importorskip("av", reason="PyAV is not installed")
    return render_clips(tmp_path_factory.mktemp("evaluation") / "clips")


@pytest.fixture(scope="session")
def started():
    server = Server()
    server.thread.start()
    while not server.server.started:
        time.sleep(0.01)
    yield server
    server.server.should_exit = True
    server.thread.join()


@pytest.fixture
def server(started):
    started.reset()
    return started
