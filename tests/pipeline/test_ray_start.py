"""A Ray that does not come up is one clear line."""

import sys
from types import ModuleType

import pytest

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
