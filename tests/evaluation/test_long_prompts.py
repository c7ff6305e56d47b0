"""A prompt longer than the model's context is a counted failure with one line, and no more."""

from chat_server import endpoint

from eval.benchmark import Benchmark
from eval.models.endpoint import GIVE_UP_AFTER
from eval.models.in_process import InProcess
from eval.run import evaluate

LONG = "Look at the mouth. " * 400


def test_our_own_model_refuses_the_one_and_answers_the_others(corpus, tmp_path):
    benchmark = Benchmark(name="b", task="expression", corpus=corpus, limit=3)
    first, second, third = benchmark.questions()
    asked = [first, second._replace(text=LONG + second.text), third]
    own = InProcess(max_tokens=16, probabilities=False)
    result, rows = evaluate(benchmark, asked, "m", own, tmp_path)
    assert (result.asked, result.answered, result.partial) == (3, 2, True)
    assert [row["raw"] is None for row in rows] == [False, True, False]
    assert "tokens; expected at most 2048" in rows[1]["explanation"]
    assert "\n" not in rows[1]["explanation"]
    assert sum(n for why, n in result.failures.items() if "a prompt of" in why) == 1


def test_an_endpoint_that_refuses_long_prompts_is_not_gone(server, corpus, tmp_path):
    benchmark = Benchmark(name="b", task="expression", corpus=corpus)
    questions = benchmark.questions()
    long = GIVE_UP_AFTER + 2
    assert len(questions) > long
    asked = [
        q if n == 0 or n > long else q._replace(text=LONG + q.text) for n, q in enumerate(questions)
    ]
    server.most_letters = 2000
    model = endpoint(server, concurrency=1)
    result, rows = evaluate(benchmark, asked, "m", model, tmp_path)
    assert result.answered == len(asked) - long and result.partial
    assert "maximum context length is 2000 tokens" in rows[1]["explanation"]
    assert sum(n for why, n in result.failures.items() if "BadRequestError" in why) == long
