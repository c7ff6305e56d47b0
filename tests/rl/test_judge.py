"""The judge's grades, over a real connection to a server that says what it is told to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rl_samples import full, sample

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import check
from rl.rewards import Truth, judge
from rl.rubric import Rubric

SMILE = Truth(task="reasoning", sample=sample(full("happiness", AU12=3.0)), seed=1)
FROWN = Truth(task="reasoning", sample=sample(full("anger", AU4=3.0)), seed=2)


class Server:
    """Answers with the words between `say:` and `;` of what is to be graded."""

    def __init__(self) -> None:
        asked = self.asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked.append(body)
                said = body["messages"][-1]["content"].partition("say:")[2].partition(";")[0]
                message = {"role": "assistant", "content": said}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                reply = {"choices": [choice], "model": "m", "usage": {"prompt_tokens": 1}}
                found = json.dumps(reply).encode()
                self.send_response(500 if said == "broken" else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(found)))
                self.end_headers()
                self.wfile.write(found)

            def log_message(self, *args) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"


@pytest.fixture
def server():
    made = Server()
    yield made
    made.http.shutdown()


def options(server: Server, folder: Path) -> dict:
    endpoint = {"model": "m", "base_url": server.url, "max_retries": 0, "timeout": 20}
    return {"endpoint": endpoint, "cache": folder / "judge.sqlite"}


def grade(number) -> str:
    return f"say:{json.dumps({'reason': 'so', 'grade': number})};"


def test_a_grade_is_a_share_of_ten_and_asked_for_once(server, tmp_path):
    texts = [grade(7), grade(0), grade(10)]
    rows = [SMILE.dump(), SMILE.dump(), FROWN.dump()]
    logged = {}
    given = judge(texts, rows, **options(server, tmp_path), log_metric=logged.__setitem__)
    assert given == [0.7, 0.0, 1.0] and logged == {"judge_failures": 0.0}
    assert judge(texts, rows, **options(server, tmp_path)) == given
    assert len(server.asked) == 3, "an answer was judged twice"
    told = server.asked[0]["messages"][-1]["content"]
    assert "emotion: happiness" in told and "AU12" in told and SMILE.exchange().question in told
    assert server.asked[0]["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize(
    "said",
    [
        "say:broken;", "say:7;", "say:no grade;", grade(11), grade("7"), grade(7.5), grade(True),
        'say:{"grade": 7};', 'say:{"reason": "so", "grade": 7, "more": 1};',
    ],
)  # fmt: skip
def test_no_grade_leaves_the_whole_question_unscored(server, tmp_path, said):
    logged = {}
    rows = [SMILE.dump(), SMILE.dump(), FROWN.dump()]
    given = judge(
        [said, grade(7), grade(3)], rows, **options(server, tmp_path),
        log_metric=logged.__setitem__,
    )  # fmt: skip
    assert given == [None, None, 0.3], "an answer beside one without a grade would seem better"
    assert logged == {"judge_failures": 1.0}


def test_a_judge_that_never_answers_stops_the_run(tmp_path, server):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(FaceLLMError, match="graded none of 2 answers, the last for connection"):
        judge([grade(1), grade(2)], [SMILE.dump()] * 2, **options(server, tmp_path))


def test_a_recipe_names_the_server(server, tmp_path):
    data = {"judge": {"weight": 0.5, **options(server, tmp_path)}}
    (reward,) = check(Rubric, data, "rubric").rewards()
    assert (reward.name, reward.weight) == ("judge", 0.5)
    assert reward.function(completions=[grade(4)], truth=[SMILE.dump()]) == [0.4]
    assert server.asked[0]["temperature"] == 0
    with pytest.raises(FaceLLMError, match=r"judge\.endpoint"):
        check(Rubric, {"judge": 0.5}, "rubric")
