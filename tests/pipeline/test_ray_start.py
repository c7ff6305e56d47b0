"""Ray starts while the sources are read, and one that does not come up is one clear line."""

import sys
from itertools import count
from threading import Event
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
    ray, data = ModuleType("ray"), ModuleType("ray.data")
    ray.data, ray.is_initialized = data, lambda: False

    def init(**options):
        assert ("num_cpus" in options) is (address is None)
        raise Exception("The node timed out.\nMore lines.")

    ray.init = init
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.data", data)
    if address is None:
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
    else:
        monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(FaceLLMError, match=message):
        connected(2)


def test_ray_starts_while_the_source_is_read(tmp_path, monkeypatch):
    starting, read = Event(), []

    def shards():
        for number in count():
            yield number
            # Only after the first: a run of which everything is finished needs no Ray.
            assert starting.wait(10), "Ray is not started before the source has ended"
            read.append(number)

    def connected(workers):
        starting.set()
        raise FaceLLMError(f"no Ray for {workers}")

    monkeypatch.setattr(executor, "connected", connected)
    job = Job(tmp_path / "a", tmp_path / "b", tmp_path, (), 0)
    with pytest.raises(FaceLLMError, match="no Ray for 2"):  # and the endless source is left
        list(executor.run_shards(job, shards(), 2))
    assert read
    assert list(executor.run_shards(job, [], 2)) == []
