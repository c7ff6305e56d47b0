"""A chat endpoint in this process, over real HTTP, and the model that asks it."""

import asyncio
import socket
import threading

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from eval.models.endpoint import Endpoint


class Server:
    """Answers `text` after `delay` seconds; `broken` turns every answer into an error page.

    More than `most_pictures` in a question, and more than `most_letters`, are refused as vLLM does.
    """

    def __init__(self):
        self.seen, self.busy = [], 0
        self.reset()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        app = Starlette(routes=[Route("/v1/chat/completions", self.chat, methods=["POST"])])
        self.server = uvicorn.Server(
            uvicorn.Config(app, port=self.port, log_level="error", lifespan="off")
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def reset(self):
        self.delay, self.broken, self.most, self.text = 0.0, False, 0, "anger"
        self.most_pictures, self.most_letters = 99, 10_000
        self.seen.clear()

    async def chat(self, request: Request):
        body = await request.json()
        self.seen.append(body)
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(self.delay)
        self.busy -= 1
        if self.broken:
            return PlainTextResponse("<html>bad gateway</html>", 502)
        pictures = sum(part["type"] == "image_url" for part in body["messages"][-1]["content"])
        if pictures > self.most_pictures:
            reason = f"At most {self.most_pictures} image(s) may be provided in one prompt."
            return JSONResponse({"error": {"message": reason, "code": 400}}, 400)
        letters = sum(len(part.get("text", "")) for part in body["messages"][-1]["content"])
        if letters > self.most_letters:
            reason = (
                f"This model's maximum context length is {self.most_letters} tokens. "
                f"However, your request has {letters} input tokens."
            )
            return JSONResponse({"error": {"message": reason, "code": 400}}, 400)
        message = {"role": "assistant", "content": self.text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
        return JSONResponse(
            {"id": "x", "object": "chat.completion", "created": 0, "model": "m",
             "choices": [choice], "usage": usage}
        )  # fmt: skip


def endpoint(server, **more):
    url = f"http://127.0.0.1:{server.port}/v1"
    return Endpoint(base_url=url, model="some/model", max_retries=0, **more)
