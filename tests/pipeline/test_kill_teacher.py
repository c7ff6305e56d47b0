"""`kill -9` of a run whose answers a server words: what was answered and kept is not asked again.

What is promised: a call is completed once its answer is committed to the cache, which happens
before anything else is done with it. A completed call is never made again. A call that was in
flight at the kill, or whose answer had arrived and was not yet committed, may be made once more:
at most `concurrency` of them a kill. A call that brought no answer (a web page, a timeout) is made
again if its shard was not finished. Where equal calls get equal answers, the resumed run's files
are those of a run that nobody disturbed.
"""

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data_engine.run import run
from data_engine.teachers.cache import call_key
from data_engine.teachers.options import default_cache

pytest.importorskip("aiohttp")
pytestmark = pytest.mark.slow
FORK = multiprocessing.get_context("fork")
KILLS, ITEMS, CONCURRENCY, DELAY = 15, 400, 8, 0.04
RIGHT = "The lip corners are pulled up (AU12, marked). The face looks happy."
WRONG = "The lip corners are pulled down (AU15, marked). The face looks happy."


def answer_to(payload):
    """The same for equal calls: mostly right, at times wrong until shown its errors, or no JSON."""
    fate = payload["seed"] % 10
    if fate == 0:
        return "<!DOCTYPE html><html>gateway</html>"
    mended = "without these errors" in str(payload["messages"][-1]["content"])
    text = WRONG if fate < 4 and not mended else RIGHT
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 20}
    return json.dumps({"choices": [choice], "usage": usage, "model": "fake"})


def serve(port, log):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            payload = json.loads(self.rfile.read(int(self.headers["content-length"])))
            # One line a write: lines of several threads do not mix.
            os.write(file, f"{call_key('fake', payload, payload['seed'])}\n".encode())
            time.sleep(DELAY)
            body = answer_to(payload).encode()
            try:
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # who asked is dead
                self.close_connection = True

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256

        def handle_error(self, *_):  # connections of the dead
            pass

    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    server = Server(("127.0.0.1", 0), Handler)
    port.send(server.server_port)
    server.serve_forever()


@pytest.fixture
def url(tmp_path):
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=serve, args=(theirs, tmp_path / "asked.log"))
    process.start()
    yield f"http://127.0.0.1:{ours.recv()}/v1"
    process.kill()
    process.join()


def quietly(path):
    os.close(2)
    os.open(os.devnull, os.O_WRONLY)
    run(path)


def completed(folder):
    """The keys in the cache of a run."""
    path = default_cache(folder)
    if not path.is_file():
        return set()
    with closing(sqlite3.connect(path, timeout=60)) as calls:
        tables = calls.execute("SELECT name FROM sqlite_master").fetchall()
        return {key for (key,) in calls.execute("SELECT key FROM calls")} if tables else set()


def test_no_completed_call_is_paid_twice(recipe, results, tmp_path, url):
    import aiohttp  # noqa: F401 - imported here once, or every start below would

    teach = {
        "use": "teach", "writers": ["caption", "exp_cot"], "concurrency": CONCURRENCY,
        "repairs": 1, "teacher": {"model": "fake", "base_url": url, "max_retries": 0},
    }  # fmt: skip
    source = {"use": "pipeline_parts:Numbers", "count": ITEMS}
    path = recipe(source=source, steps=[teach], shard_size=25)
    folder, log = tmp_path / "run", tmp_path / "asked.log"
    rng = random.Random(0)
    seen = 0
    for _ in range(KILLS):
        before = completed(folder)
        process = FORK.Process(target=quietly, args=(path,))
        process.start()
        time.sleep(rng.uniform(0.1, 0.9))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run ended before it was killed"
        asked = log.read_text().split()
        assert not before & set(asked[seen:]), "a completed call was paid again"
        seen = len(asked)
    before = completed(folder)
    run(path)
    asked = log.read_text().split()
    assert not before & set(asked[seen:])
    repeated = Counter(asked) - Counter(set(asked))
    assert sum(repeated[key] for key in completed(folder)) <= KILLS * CONCURRENCY

    whole = run(
        recipe(source=source, steps=[teach], shard_size=25), [f"output_dir={tmp_path}/whole"]
    )
    assert results(folder) == results(whole)
    assert completed(folder) == completed(whole)
    done = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    left = [
        json.loads(line) for line in (folder / "rejects" / "teach.jsonl").read_text().splitlines()
    ]
    told = Counter(row["sample_ids"][0] for row in [*done, *(reject["item"] for reject in left)])
    # The second writer has nothing to say of some faces; which ones, the undisturbed run shows.
    assert set(told) == {f"s{n}" for n in range(ITEMS)} and max(told.values()) == 2
    assert {reject["reason"] for reject in left} > {"teacher:html"} and len(done) > ITEMS / 4
    print(f"{KILLS} kills, {len(asked)} calls, {sum(repeated.values())} repeated, {len(done)} rows")
