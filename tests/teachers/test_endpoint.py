"""An endpoint against a real HTTP server that answers, fails and disappears."""

import asyncio
import json

import pytest

from data_engine.teachers.base import CallFailure, Completion, Prompt
from data_engine.teachers.endpoint import Endpoint
from data_engine.teachers.options import TeacherOptions
from facellm.core.errors import FaceLLMError

pytest.importorskip("aiohttp")
pytest.importorskip("uvicorn")


def prompt(text, **more):
    return Prompt(messages=(("system", "rules"), ("user", text)), **more)


def ask(url, cache, prompts, **options):
    """The results of prompts asked at once, and the endpoint for its counts."""

    async def go():
        made = TeacherOptions(**{"model": "fake", "base_url": url, "max_retries": 0, **options})
        endpoint = Endpoint(made, cache)
        try:
            return await asyncio.gather(*map(endpoint.complete, prompts)), endpoint
        finally:
            await endpoint.close()

    return asyncio.run(go())


def test_a_call_is_paid_once(server, tmp_path):
    cache = tmp_path / "c.sqlite"
    (first,), endpoint = ask(server.url, cache, [prompt("hello")], price_in=10.0)
    assert isinstance(first, Completion) and first.usage["prompt_tokens"] == 100
    assert endpoint.tally.cost == pytest.approx(100 * 10 / 1e6)
    before = server.counts()[0]
    (again,), endpoint = ask(server.url, cache, [prompt("hello")])
    assert again == first and server.counts()[0] == before
    assert (endpoint.tally.calls, endpoint.tally.cached) == (0, 1)


def test_another_sample_or_setting_is_another_call(server, tmp_path):
    cache = tmp_path / "c.sqlite"
    before = server.counts()[0]
    prompts = [prompt("a"), prompt("a", sample=1), prompt("b")]
    ask(server.url, cache, prompts)
    ask(server.url, cache, prompts[:1], temperature=0.1)
    assert server.counts()[0] - before == 4


def test_equal_calls_at_once_give_the_one_that_is_kept(server, tmp_path):
    results, _ = ask(server.url, tmp_path / "c.sqlite", [prompt("[[random]]")] * 8)
    assert len({result.text for result in results}) == 1
    (later,), _ = ask(server.url, tmp_path / "c.sqlite", [prompt("[[random]]")])
    assert later.text == results[0].text


def test_what_the_server_is_told(server, tmp_path):
    schema = {"type": "object", "required": ["model"]}
    asked = prompt("[[echo]]", images=("data:image/png;base64,AA==",), json_schema=schema, sample=2)
    (result,), _ = ask(server.url, tmp_path / "c", [asked], seed=5, extra={"top_p": 0.5})
    told = json.loads(result.text)
    assert told["seed"] == 7 and told["top_p"] == 0.5 and told["temperature"] == 0.7
    assert told["response_format"]["json_schema"]["schema"] == schema
    image, text = told["messages"][1]["content"]
    assert image["image_url"]["url"].startswith("data:image/png") and text["text"] == "[[echo]]"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("html", "html"),
        ("drift", "schema"),
        ("garbage", "schema"),
        ("refusal_field", "refusal"),
        ("status:429", "rate_limit"),
        ("status:500", "server_error"),
        ("status:400", "bad_request"),
    ],
)
def test_failures_are_values(server, tmp_path, command, reason):
    (result,), _ = ask(server.url, tmp_path / "c", [prompt(f"[[{command}]]")])
    assert isinstance(result, CallFailure) and result.reason == reason


def test_a_server_that_does_not_answer_in_time(server, tmp_path):
    (result,), _ = ask(server.url, tmp_path / "c", [prompt("[[hang]]")], timeout=0.2)
    assert isinstance(result, CallFailure) and result.reason == "timeout"


def test_the_client_tries_again(server, tmp_path):
    before = server.counts()[0]
    ask(server.url, tmp_path / "c", [prompt("[[status:500]] again")], max_retries=1)
    assert server.counts()[0] - before == 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_the_user_must_mend_stops_the_run(server, tmp_path, status):
    with pytest.raises(FaceLLMError, match="refuses all calls"):
        ask(server.url, tmp_path / "c", [prompt(f"[[status:{status}]]")])


def test_a_server_that_is_gone_stops_the_run(tmp_path):
    url = "http://127.0.0.1:9/v1"
    results, _ = ask(url, tmp_path / "c", [prompt(str(n)) for n in range(4)], stop_after=5)
    assert {result.reason for result in results} == {"connection"}
    with pytest.raises(FaceLLMError, match="failed 3 calls in a row"):
        ask(url, tmp_path / "c", [prompt(str(n)) for n in range(9)], stop_after=3)


def test_failures_are_not_kept_but_paid_refusals_are(server, tmp_path):
    before = server.counts()[0]
    for _ in range(2):
        ask(server.url, tmp_path / "c", [prompt("[[html]] x"), prompt("[[refusal]] x")])
    assert server.counts()[0] - before == 3
