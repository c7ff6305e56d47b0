"""A real HTTP server in the OpenAI protocol: kept busy, allowed to fail, counted when it does."""

import pytest
from chat_server import endpoint

from eval.benchmark import Benchmark
from eval.run import evaluate
from facellm.core.errors import FaceLLMError


def test_pictures_and_questions_reach_the_endpoint(server, corpus, tmp_path):
    benchmark = Benchmark(name="b", task="expression", corpus=corpus, limit=6)
    result, rows = evaluate(benchmark, benchmark.questions(), "m", endpoint(server), tmp_path)
    assert result.answered == 6 and not result.unparsed
    picture, text = server.seen[0]["messages"][0]["content"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert text["text"] in {row["question"] for row in rows}
    assert all(row["completion_tokens"] == 1 and row["latency"] > 0 for row in rows)


@pytest.mark.slow
def test_it_keeps_as_many_calls_in_flight_as_it_may(server, corpus, tmp_path):
    server.delay = 0.2
    benchmark = Benchmark(name="b", task="expression", corpus=corpus)
    evaluate(benchmark, benchmark.questions(), "m", endpoint(server, concurrency=8), tmp_path)
    assert server.most == 8


def test_an_endpoint_that_is_gone_ends_the_run_and_the_answers_stay(server, corpus, tmp_path):
    benchmark = Benchmark(name="b", task="expression", corpus=corpus)
    questions = benchmark.questions()
    evaluate(benchmark, questions[:5], "m", endpoint(server), tmp_path)
    server.broken = True
    with pytest.raises(FaceLLMError, match=r"failed \d+ times in a row, last: .*502"):
        evaluate(benchmark, questions, "m", endpoint(server, concurrency=2), tmp_path)
    server.broken = False
    server.seen.clear()
    result, _ = evaluate(benchmark, questions, "m", endpoint(server), tmp_path)
    assert result.answered == len(questions) and len(server.seen) == len(questions) - 5


def test_pictures_that_cannot_be_read_are_counted(server, corpus, tmp_path):
    benchmark = Benchmark(name="b", task="expression", corpus=corpus, limit=4)
    asked = [q._replace(corpus=tmp_path) for q in benchmark.questions()]
    result, _ = evaluate(benchmark, asked, "m", endpoint(server), tmp_path)
    assert result.answered == 0 and result.partial
    assert not server.seen
