import pytest
from small_corpus import small_corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return small_corpus(tmp_path_factory.mktemp("evaluation") / "corpus")
