"""The cache, what is wrong with an answer, counting, order and memory: without a server."""

import asyncio
import json
import multiprocessing
import os
import signal
import time

import pytest

from data_engine.teachers.base import CallFailure, Completion, Prompt
from data_engine.teachers.cache import CallCache, call_key
from data_engine.teachers.consensus import agreements, spokesman
from data_engine.teachers.failures import judge_completion, read_body, repeats_itself
from data_engine.teachers.options import TeacherOptions
from data_engine.teachers.stream import Loop, in_order
from data_engine.teachers.tally import Tally
from data_engine.verify.claims import Claim
from facellm.core.errors import FaceLLMError


def said(text, finish="stop"):
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return Completion(text=text, usage=usage, finish_reason=finish, model="m")


def body(**message):
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": None})


def test_a_stored_call_is_found_by_any_process_and_the_first_stays(tmp_path):
    path = tmp_path / "deep" / "calls.sqlite"
    cache, other = CallCache(path), CallCache(path)
    key = call_key("m", '{"a": 1}', 0)
    assert cache.get(key) is None
    assert cache.put(key, said("first")).text == "first"
    assert other.put(key, said("second")).text == "first"
    assert other.get(key) == said("first")
    assert cache.totals() == {"m": (1, 10, 5)}
    assert len({key, call_key("m", '{"a": 2}', 0), call_key("n", '{"a": 1}', 0)}) == 3
    assert call_key("m", '{"a": 1}', 1) != key


def _write_until_killed(path, told):
    cache = CallCache(path)
    for n in range(100_000):
        cache.put(str(n), said(f"text {n}"))
        told.value = n


def test_what_was_stored_survives_kill_9(tmp_path):
    spawn = multiprocessing.get_context("fork")
    told = spawn.Value("l", -1)
    process = spawn.Process(target=_write_until_killed, args=(tmp_path / "c.sqlite", told))
    process.start()
    while told.value < 50:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    cache = CallCache(tmp_path / "c.sqlite")
    assert all(cache.get(str(n)) is not None for n in range(told.value + 1))


def test_a_file_that_is_no_cache_is_named(tmp_path):
    bad = tmp_path / "calls.sqlite"
    bad.write_text("hello " * 500)
    with pytest.raises(FaceLLMError, match="cannot use the teacher cache"):
        CallCache(bad)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<!DOCTYPE html><html>", "html"),
        ("<html lang='en'>", "html"),
        ("no json", "schema"),
        ("[]", "schema"),
        ("null", "schema"),
        ('{"choices": []}', "schema"),
        ('{"choices": [{}]}', "schema"),
        ('{"choices": [null]}', "schema"),
        ('{"choices": [[1]]}', "schema"),
        ("[" * 100_000, "schema"),
        (body(content=None, refusal="no"), "refusal"),
    ],
)
def test_bodies_that_are_no_completion(text, reason):
    result = read_body(text, "m")
    assert isinstance(result, CallFailure) and result.reason == reason


def test_a_body_without_usage_or_text_is_read():
    result = read_body(body(content=None), "m")
    assert isinstance(result, Completion) and result.text == "" and result.model == "m"


@pytest.mark.parametrize("usage", [[1], "many", {"prompt_tokens": "ten"}, {"prompt_tokens": -1}])
def test_odd_accounts_and_halves_of_characters_lose_no_text(usage):
    choice = {"finish_reason": 3, "message": {"content": "a smile \ud83d"}}
    result = read_body(json.dumps({"choices": [choice], "usage": usage, "model": ["m"]}), "m")
    assert isinstance(result, Completion) and result.text == "a smile ?"
    assert result.usage == {"prompt_tokens": 0, "completion_tokens": 0}
    assert Completion.model_validate_json(result.model_dump_json()) == result


SCHEMA = {"type": "object", "required": ["accept"]}


@pytest.mark.parametrize(
    ("completion", "schema", "reason"),
    [
        (said("  "), None, "empty"),
        (said("I'm sorry, but I can't help with that."), None, "refusal"),
        (said("Unfortunately, I cannot see it."), None, "refusal"),
        (said("The brows are raised and the lips are parted. " * 9), None, "repetition"),
        (said("The lip corners", "length"), None, "length"),
        (said("<html><body>busy</body></html>"), None, "html"),
        (said("accept"), SCHEMA, "schema"),
        (said("[1]"), SCHEMA, "schema"),
        (said('{"other": 1}'), SCHEMA, "schema"),
    ],
)
def test_completions_of_no_use(completion, schema, reason):
    result = judge_completion(completion, schema)
    assert isinstance(result, CallFailure)
    assert result.reason == reason and result.completion == completion


def test_completions_of_use():
    assert judge_completion(said('{"accept": true}'), SCHEMA) == said('{"accept": true}')
    sorry = said("I'm sorry, a picture cannot tell who this is.")
    assert judge_completion(sorry, refusal_wanted=True) == sorry
    assert not repeats_itself("The lips are parted. The brows are raised. The lids are tight. " * 2)


def test_counting():
    tally = Tally(TeacherOptions(model="m", price_in=2.0, price_out=10.0))
    for _ in range(1000):
        tally.paid(said("x"))
    # 1000 calls of 10 + 5 tokens: 10 000 at 2 and 5 000 at 10 a million.
    assert tally.cost == pytest.approx(0.02 + 0.05)
    assert tally.summary()["calls"] == 1000


@pytest.mark.parametrize(
    "options", [{}, {"kind": "own"}, {"kind": "own", "model": "m"}, {"model": "m", "typo": 1}]
)
def test_incomplete_options_are_refused(options):
    with pytest.raises(ValueError, match=r"needs|Extra"):
        TeacherOptions(**options)


def test_a_missing_key_is_named(monkeypatch):
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(FaceLLMError, match="A_KEY"):
        TeacherOptions(model="m", api_key_env="A_KEY").key()
    assert TeacherOptions(model="m", api_key_env="A_KEY", base_url="http://x").key() == "none"


def test_agreement_of_several_texts():
    smile, frown = Claim("unit", (12,)), Claim("unit", (4,))
    happy = Claim("emotion", emotions=("happiness",))
    texts = [[frown], [smile, happy], [smile, happy, frown]]
    # F1: 1-2 none shared 0; 1-3 2·1/(1+3) = 0.5; 2-3 2·2/(2+3) = 0.8.
    assert agreements(texts) == pytest.approx([0.25, 0.4, 0.65])
    assert spokesman(texts) == (2, pytest.approx(0.65))
    assert spokesman([[smile]]) == (0, 1.0)
    assert agreements([[smile], [smile._replace(denied=True)]]) == [0.0, 0.0]


def test_prompts_are_told_apart_by_content():
    one = Prompt(messages=(("user", "a"),))
    assert one.hash() == one.model_copy(update={"sample": 3}).hash()
    assert one.hash() != Prompt(messages=(("user", "b"),)).hash()


def test_results_come_in_order_and_few_items_are_held():
    pulled, most = 0, 0

    def items():
        nonlocal pulled
        for n in range(300):
            pulled += 1
            yield n

    async def work(n):
        await asyncio.sleep(0.002 if n % 7 == 0 else 0.0)
        return n

    with Loop() as loop:
        for done, n in enumerate(in_order(loop, items(), work, hold=16)):
            assert n == done
            most = max(most, pulled - done)
    assert most <= 16


def test_an_error_is_raised_in_its_turn_after_what_was_before_it():
    async def work(n):
        if n == 5:
            raise FaceLLMError("five")
        await asyncio.sleep(0.01)
        return n

    got = []
    with Loop() as loop, pytest.raises(FaceLLMError, match="five"):
        for n in in_order(loop, range(100), work, hold=32):
            got.append(n)
    assert got == [0, 1, 2, 3, 4]


def test_leaving_early_ends_what_still_runs():
    ended = []

    async def work(n):
        try:
            await asyncio.sleep(0 if n == 0 else 60)
        finally:
            ended.append(n)
        return n

    began = time.monotonic()
    with Loop() as loop:
        results = in_order(loop, range(10), work, hold=4)
        assert next(results) == 0
        results.close()
    assert time.monotonic() - began < 5 and sorted(ended) == [0, 1, 2, 3]
