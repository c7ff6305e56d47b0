"""The client's attempts: which failures are tried again, how long it waits, what a server sees."""

import asyncio
import os
import time
from email.utils import formatdate

import pytest

from data_engine.teachers.http import ChatClient, Reply, Unreached, asked_wait
from facellm.core.errors import FaceLLMError

pytest.importorskip("aiohttp")
OK = (200, "", "fine")


def asked(replies, retries=2, timeout=30.0, path="/v1"):
    """The outcome of one call to a server that gives these replies, and what it was sent.

    A reply is its status, a header and its body; None hangs up; "hang" never answers.
    """
    sent = []

    async def connected(reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = head.lower().partition("content-length:")[2].split()[0]
                sent.append((head, await reader.readexactly(int(length))))
                reply = replies[len(sent) - 1]
                if reply == "hang":
                    await asyncio.sleep(60)
                if reply is None:
                    break
                status, header, body = reply
                lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", header]
                writer.write("\r\n".join([*filter(None, lines), "", body]).encode())
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    async def go():
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = ChatClient(f"http://127.0.0.1:{port}{path}", "secret", timeout, retries)
        try:
            return await client.post(b'{"a": 1}')
        finally:
            await client.close()
            server.close()

    return asyncio.run(go()), sent


def test_a_call_is_one_post_that_tells_nothing_of_this_machine():
    reply, [(head, body)] = asked([OK], path="/v1/")
    assert reply == Reply(200, "fine") and body == b'{"a": 1}'
    lines = head.lower().split("\r\n")
    assert lines[0] == "post /v1/chat/completions http/1.1"
    names = {line.partition(":")[0] for line in lines[1:] if line}
    assert "authorization: bearer secret" in lines and "user-agent: facellm" in lines
    assert names == {
        "host", "authorization", "content-type", "user-agent", "accept", "accept-encoding",
        "content-length",
    }  # fmt: skip


@pytest.mark.parametrize("status", [408, 409, 429, 503, None])
def test_what_may_pass_is_tried_again(status):
    reply, sent = asked([(status, "", "") if status else None, OK])
    assert reply == Reply(200, "fine") and len(sent) == 2
    assert sent[0] == sent[1]


@pytest.mark.parametrize(
    "first",
    [
        (400, "", "no"),
        (302, "location: /elsewhere", ""),
        (429, "x-should-retry: false", "no quota"),
        (429, "retry-after: 3600", "come back tomorrow"),
    ],
)
def test_what_stays_wrong_is_asked_once(first):
    reply, sent = asked([first, OK])
    assert reply == Reply(first[0], first[2]) and len(sent) == 1


def test_a_server_that_asks_for_another_attempt_gets_it():
    reply, sent = asked([(400, "x-should-retry: true", ""), OK])
    assert reply.status == 200 and len(sent) == 2


def test_the_wait_is_the_one_the_server_asks_for():
    began = time.monotonic()
    reply, _ = asked([(503, "retry-after: 1.5", ""), OK])
    assert reply.status == 200 and time.monotonic() - began >= 1.5
    assert asked_wait({}) is None and asked_wait({"retry-after": "soon"}) is None
    in_a_minute = asked_wait({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert in_a_minute is not None and 0 < in_a_minute <= 60


def test_the_last_attempt_says_why_it_failed():
    assert asked([(500, "", "a"), (500, "", "b")], retries=1)[0] == Reply(500, "b")
    with pytest.raises(Unreached):
        asked([None, None], retries=1)
    with pytest.raises(TimeoutError):
        asked(["hang"], retries=0, timeout=0.2)


def test_the_address_is_that_of_the_recipe_else_of_the_environment(monkeypatch):
    async def base(url):
        client = ChatClient(url, "k", 1.0, 0)
        await client.close()
        return client.base_url

    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert asyncio.run(base(None)) == "https://api.openai.com/v1"
    monkeypatch.setitem(os.environ, "OPENAI_BASE_URL", "http://here/v1/")
    assert asyncio.run(base(None)) == "http://here/v1"
    assert asyncio.run(base("http://there/v1")) == "http://there/v1"
    with pytest.raises(FaceLLMError, match="no address of a server"):
        asyncio.run(base("localhost:8000/v1"))
