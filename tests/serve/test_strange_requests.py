"""Requests made from the OpenAPI document, and a mixed load: every answer is one that it has."""

import asyncio
from importlib.util import find_spec

import pytest
from PIL import Image

from serve.fuzz import fuzz
from serve.load import Requests, run
from serve.process import ServerProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
]

CASES = 240
REQUESTS = 40


def test_no_answer_is_undocumented(shipped: ServerProcess, key: str) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    statuses = fuzz(shipped.url, CASES, key)
    assert statuses.total() > CASES / 2
    codes = {label.rsplit(" ", 1)[1] for label in statuses}
    assert {"200", "400"} <= codes  # some led all the way


def test_no_answer_is_lost_or_mixed_up(
    shipped: ServerProcess, key: str, astronaut: Image.Image
) -> None:
    requests = Requests(astronaut.crop((128, 0, 384, 256)), shipped.model)
    outcome = asyncio.run(run(shipped.url, requests, REQUESTS, 16, key, print))
    assert (outcome.lost, outcome.mixed, dict(outcome.statuses)) == (0, 0, {})
    assert outcome.right == REQUESTS


def test_no_two_requests_of_a_load_have_the_same_marker(astronaut: Image.Image) -> None:
    requests = Requests(astronaut.resize((8, 8)), "m")
    asked = [requests.make(number) for number in range(60)]
    markers = [one.marker for one in asked if one.marker is not None]
    assert len(set(markers)) == len(markers) > 40
    assert {one.path for one in asked} == {
        "/v1/face/analyze", "/v1/face/ask", "/v1/chat/completions",
    }  # fmt: skip
    assert requests.make(7) == asked[7]
