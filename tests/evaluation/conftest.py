from collections.abc import Callable
from pathlib import Path

import pytest
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
