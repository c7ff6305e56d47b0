"""Ray starts when there is work, and one that does not come up is one clear line."""

import sys
from itertools import count
from types import ModuleType

import pytest

from data_engine.executors import ray as executor
from data_engine.work import Job
from facellm.core.cluster import connected
from facellm.core.errors import FaceLLMError


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (None, "Ray does not start on this machine: The node timed out; try again"),
        ("far:6379", "Ray does not answer at RAY_ADDRESS=far:6379: The node timed out; try"),
    ],
)
def test_a_ray_that_does_not_start_or_answer(address, message, monkeypatch):
    ray = ModuleType("ray")
    ray.is_initialized = lambda: False

    def init(**options):
        assert ("num_cpus" in options) is (address is None)
        raise Exception("The node timed out.\nMore lines.")

    ray.init = init
    monkeypatch.setitem(sys.modules, "ray", ray)
    if address is None:
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
    else:
        monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(FaceLLMError, match=message):
        connected(2)


def test_ray_starts_with_the_first_shard_and_takes_no_more_than_it_can_do(tmp_path, monkeypatch):
    read = []

    def shards():
        for number in count():
            read.append(number)
            yield number

    def connected(workers):
        raise FaceLLMError(f"no Ray for {workers}")

    monkeypatch.setattr(executor, "connected", connected)
    job = Job(tmp_path / "a", tmp_path / "b", tmp_path, (), 0)
    with pytest.raises(FaceLLMError, match="no Ray for 2"):  # and the endless source is left
        list(executor.run_shards(job, shards(), 2))
    assert read == [0]
    assert list(executor.run_shards(job, [], 2)) == []  # where all is finished, Ray is not needed
