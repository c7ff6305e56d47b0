"""Answers in the shape of OpenAI's chat completions, for the routes that make their own."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from facellm.core.errors import FaceLLMError
from facellm.core.report import FaceReport

REPORT_SCHEMA = FaceReport.model_json_schema()


def wants_report(response_format: Any) -> bool:
    """Whether a request's `response_format` is the published schema of `FaceReport`."""
    if getattr(response_format, "type", None) != "json_schema":
        return False
    asked = response_format.json_schema
    schema = getattr(asked, "json_schema", None) or getattr(asked, "schema_", None) or {}
    named = "FaceReport" in (asked.name, schema.get("title"))
    return named and set(schema.get("properties", {})) == set(REPORT_SCHEMA["properties"])


def the_image(messages: list[Any]) -> str:
    """The URL of the one picture in a chat.

    Raises:
        FaceLLMError: no picture, or several.
    """
    urls = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else []:
            if isinstance(part, dict) and part.get("type") == "image_url":
                url = part.get("image_url")
                urls.append(url.get("url") if isinstance(url, dict) else url)
    if len(urls) != 1 or not isinstance(urls[0], str):
        raise FaceLLMError(f"a FaceReport is about one picture; the messages hold {len(urls)}")
    return urls[0]


class Reply:
    """One chat completion, whole or in chunks."""

    def __init__(self, model: str) -> None:
        self._base = {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, text: str, usage: dict[str, int], reason: str = "stop") -> dict[str, Any]:
        """The completion at once."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        return {**self._base, "object": "chat.completion", "choices": [choice], "usage": usage}

    def _chunk(self, delta: dict[str, str], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        event = {**self._base, "object": "chat.completion.chunk", "choices": [choice]}
        return f"data: {json.dumps(event)}\n\n"

    async def chunks(self, pieces: AsyncIterator[tuple[str, bool]]) -> AsyncIterator[str]:
        """Server-sent events from pieces of text and whether the answer was cut off."""
        yield self._chunk({"role": "assistant", "content": ""})
        cut = False
        try:
            async for text, at_limit in pieces:
                cut = at_limit
                if text:
                    yield self._chunk({"content": text})
        except Exception as error:
            # The status line has gone out: the error can only follow as an event.
            message = str(error) if isinstance(error, FaceLLMError) else "internal error"
            yield f"data: {json.dumps({'error': {'message': message}})}\n\n"
            return
        yield self._chunk({}, "length" if cut else "stop")
        yield "data: [DONE]\n\n"


async def pieces_of(text: str, size: int = 200) -> AsyncIterator[tuple[str, bool]]:
    """A finished text in pieces, for clients that asked for a stream."""
    for start in range(0, len(text), size):
        yield text[start : start + size], False
