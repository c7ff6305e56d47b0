"""A teacher behind any OpenAI-compatible server.

prompt ─▶ payload ─▶ cache ─ hit ─▶ completion
                       └─ miss ─▶ server ─▶ body ─▶ cache ─▶ completion or failure
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from data_engine.teachers.base import TRANSPORT, CallFailure, Completion, Prompt, Reason
from data_engine.teachers.cache import CallCache, call_key
from data_engine.teachers.failures import read_body
from data_engine.teachers.http import ChatClient, Unreached
from data_engine.teachers.options import TeacherOptions
from data_engine.teachers.tally import Tally
from facellm.core.errors import FaceLLMError

_REFUSED = (401, 403, 404)
"""Statuses that no other prompt would change."""


class Endpoint:
    """One server, one model. Make it inside the event loop that will use it."""

    def __init__(self, options: TeacherOptions, cache: Path, tally: Tally | None = None) -> None:
        """Open the client and the cache.

        Args:
            options: of the teacher.
            cache: file of completed calls.
            tally: counts calls, tokens and money.

        Raises:
            FaceLLMError: aiohttp or a needed key is missing, or the cache is no cache.
        """
        self.name, self._options = options.model, options
        key = options.key()
        self._cache, self.tally = CallCache(cache), tally or Tally(options)
        self._client = ChatClient(options.base_url, key, options.timeout, options.max_retries)
        self._failed_in_a_row = 0
        self._under_way: dict[str, asyncio.Task[Completion | CallFailure]] = {}
        """Equal calls at the same moment are one call."""

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        """The body of the request."""
        options = self._options
        body: dict[str, Any] = {
            "model": self.name,
            "messages": _messages(prompt),
            "temperature": options.temperature,
            "max_tokens": options.max_tokens,
            "seed": options.seed + prompt.sample,
            **options.extra,
        }
        if prompt.json_schema is not None:
            schema = {"name": "answer", "schema": prompt.json_schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    async def complete(self, prompt: Prompt) -> Completion | CallFailure:
        """Answer from the cache, else ask the server; see `Teacher.complete`."""
        body = json.dumps(self.payload(prompt), sort_keys=True, ensure_ascii=False)
        key = call_key(self.name, body, prompt.sample)
        known = self._cache.get(key)
        if known is not None:
            self.tally.cached += 1
            return known
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._paid(key, body))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        else:
            self.tally.cached += 1
        return await asyncio.shield(task)

    async def _paid(self, key: str, body: str) -> Completion | CallFailure:
        """Ask the server and keep what it said before anything else is done with it."""
        result = await self._call(body)
        said = result.completion if isinstance(result, CallFailure) else result
        if said is not None:
            self.tally.paid(said)
            kept = self._cache.put(key, said)
            result = kept if isinstance(result, Completion) else result
        self._watch(result)
        return result

    async def _call(self, body: str) -> Completion | CallFailure:
        try:
            status, text = await self._client.post(body.encode())
        except TimeoutError:
            return CallFailure(reason="timeout", detail=f"no answer in {self._options.timeout:g} s")
        except Unreached as error:
            return CallFailure(reason="connection", detail=str(error)[:200])
        if status in _REFUSED:
            raise FaceLLMError(
                f"the teacher {self.name!r} at {self._client.base_url} refuses all calls "
                f"({status}); check base_url, model and {self._options.api_key_env}"
            )
        if 200 <= status < 300:
            return read_body(text, self.name)
        reason: Reason = (
            "rate_limit" if status == 429 else "server_error" if status >= 500 else "bad_request"
        )
        return CallFailure(reason=reason, detail=f"{status}: {' '.join(text.split())}"[:200])

    def _watch(self, result: Completion | CallFailure) -> None:
        """Stop the run where the server is gone instead of rejecting a million rows."""
        if isinstance(result, Completion) or result.reason not in TRANSPORT:
            self._failed_in_a_row = 0
            return
        self._failed_in_a_row += 1
        self.tally.failed[result.reason] = self.tally.failed.get(result.reason, 0) + 1
        if self._failed_in_a_row >= self._options.stop_after:
            raise FaceLLMError(
                f"the teacher {self.name!r} at {self._client.base_url} failed "
                f"{self._failed_in_a_row} calls in a row, the last by {result.reason} "
                f"({result.detail}); finished calls are kept, start again when it answers"
            )

    async def close(self) -> None:
        """Close the connections and the cache."""
        await self._client.close()
        self._cache.close()


def _messages(prompt: Prompt) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    images = list(prompt.images)
    for role, text in prompt.messages:
        if role == "user" and images:
            parts: list[dict[str, Any]] = [
                {"type": "image_url", "image_url": {"url": url}} for url in images
            ]
            messages.append({"role": role, "content": [*parts, {"type": "text", "text": text}]})
            images = []
        else:
            messages.append({"role": role, "content": text})
    return messages
