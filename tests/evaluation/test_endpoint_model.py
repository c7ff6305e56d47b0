"""A real HTTP server in the OpenAI protocol: kept busy, allowed to fail, counted when it does."""

import asyncio
import socket
import threading
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from eval.benchmark import Benchmark
from eval.models.endpoint import Endpoint
from eval.run import evaluate
from facellm.core.errors import FaceLLMError


class Server:
    """Answers `anger` after `delay` seconds; `broken` turns every answer into an error page."""

    def __init__(self):
        self.delay, self.broken, self.seen, self.busy, self.most = 0.0, False, [], 0, 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        app = Starlette(routes=[Route("/v1/chat/completions", self.chat, methods=["POST"])])
        self.server = uvicorn.Server(
            uvicorn.Config(app, port=self.port, log_level="error", lifespan="off")
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    async def chat(self, request: Request):
        body = await request.json()
        self.seen.append(body)
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(self.delay)
        self.busy -= 1
        if self.broken:
            return PlainTextResponse("<html>bad gateway</html>", 502)
        message = {"role": "assistant", "content": "anger"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
        return JSONResponse(
            {"id": "x", "object": "chat.completion", "created": 0, "model": "m",
             "choices": [choice], "usage": usage}
        )  # fmt: skip


@pytest.fixture(scope="module")
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
    started.delay, started.broken, started.most = 0.0, False, 0
    started.seen.clear()
    return started


def endpoint(server, **more):
    url = f"http://127.0.0.1:{server.port}/v1"
    return Endpoint(base_url=url, model="some/model", max_retries=0, **more)


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
