"""An OpenAI-compatible server that answers after a set time, and fails as it is told to.

`with FakeServer(delay=0.2) as server:` runs a real HTTP server in a process of its own (so that its
work is not counted as the client's) and stops it. What it does with a request is in the request:
words such as `[[html]]` in the last user text choose a failure, so that no state is shared. One
with `faulty=True` fails some requests by their seed, whatever they say.
"""

import asyncio
import json
import multiprocessing
import re
import socket
import time
import urllib.request

COMMAND = re.compile(r"\[\[(\w+)(?::(\d+))?\]\]")
LOOP = "The brows are raised and the lips are parted in a slight smile. "
ANSWER = "The lip corners are pulled up (AU12, marked). The face looks happy."


def completion(text, finish="stop", prompt_tokens=100, refusal=None):
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 20, "total_tokens": 120},
    }  # fmt: skip


REPLIES = {
    "refusal": lambda: completion("I'm sorry, I can't help with that."),
    "refusal_field": lambda: completion(None, refusal="no"),
    "empty": lambda: completion("  "),
    "repetition": lambda: completion(LOOP * 30),
    "length": lambda: completion("The lip corners are pulled", finish="length"),
    "drift": lambda: {"answer": "ok"},
    "garbage": lambda: [1, 2],
    "wrong": lambda: completion("The lip corners are pulled down (AU15, marked)."),
    "judge_yes": lambda: completion('{"accept": true, "reason": "agrees"}'),
    "judge_no": lambda: completion('{"accept": false, "reason": "it invents a tear"}'),
    "judge_drift": lambda: completion('{"verdict": "fine"}'),
    "happy": lambda: completion("The face looks happy."),
    "angry": lambda: completion("The face looks angry."),
}

FAULTS = {0: ("html", None), 1: ("status", "503"), 2: ("hang", None)}
"""Of a faulty server, by the rest of the seed over six."""


def command_of(request):
    """The command in the last user text or, for whole runs, in the request's own field."""
    last = [m for m in request["messages"] if m["role"] == "user"][-1]["content"]
    text = last if isinstance(last, str) else last[-1]["text"]
    found = COMMAND.search(text) or COMMAND.search(f"[[{request.get('command', '')}]]")
    command, number = (found[1], found[2]) if found else ("", None)
    if command == "mend":  # wrong until it is shown its errors
        command = "" if "without these errors" in text else "wrong"
    return command, number


async def reply(send, status, body, kind=b"application/json"):
    start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def answer(send, request, delay, faulty):
    fault = FAULTS.get(request["seed"] % 6) if faulty else None
    command, number = fault or command_of(request)
    await asyncio.sleep(60 if command == "hang" else delay)
    if command == "status":
        await reply(send, int(number), b'{"error": {"message": "told to"}}')
    elif command == "html":
        await reply(send, 200, b"<!DOCTYPE html><html>gateway</html>", b"text/html")
    elif command == "echo":
        await reply(send, 200, json.dumps(completion(json.dumps(request))).encode())
    elif command == "random":
        await reply(send, 200, json.dumps(completion(f"text {time.monotonic_ns()}")).encode())
    elif command == "differ":
        words = ("happy", "happy", "angry")[request["seed"] % 3]
        text = f"The lip corners are pulled up (AU12, marked). The face looks {words}."
        await reply(send, 200, json.dumps(completion(text)).encode())
    else:
        make = REPLIES.get(command, lambda: completion(ANSWER))
        await reply(send, 200, json.dumps(make()).encode())


def application(delay, at_once, counts, faulty):
    """The ASGI application; `counts` is requests, most at once, now."""
    gate = asyncio.Semaphore(at_once)

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body")
        if scope["path"] == "/counts":
            await reply(send, 200, json.dumps(list(counts)).encode())
            return
        counts[0] += 1
        counts[2] += 1
        counts[1] = max(counts[1], counts[2])
        try:
            async with gate:
                await answer(send, json.loads(body), delay, faulty)
        finally:
            counts[2] -= 1

    return app


def _serve(port, delay, at_once, ready, cpu, faulty):
    import uvicorn

    if cpu is not None:
        import os

        os.sched_setaffinity(0, {cpu})
    counts = [0, 0, 0]
    config = uvicorn.Config(
        application(delay, at_once, counts, faulty), host="127.0.0.1", port=port, log_level="error",
        backlog=4096, timeout_keep_alive=30,
    )  # fmt: skip
    server = uvicorn.Server(config)

    async def main():
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        ready.set()
        await task

    asyncio.run(main())


class FakeServer:
    """A context manager; `url` is the base URL, `counts()` what was asked so far."""

    def __init__(self, delay=0.0, at_once=10_000, cpu=None, faulty=False):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.faulty = faulty
        spawn = multiprocessing.get_context("spawn")
        self._ready = spawn.Event()
        self._process = spawn.Process(
            target=_serve,
            args=(self.port, delay, at_once, self._ready, cpu, faulty),
            daemon=True,
        )
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self):
        self._process.start()
        assert self._ready.wait(30), "the fake server did not start"
        return self

    def counts(self):
        """Requests, most at once, now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counts") as response:
            return json.load(response)

    def __exit__(self, *_):
        self._process.kill()
        self._process.join(5)
