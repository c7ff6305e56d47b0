"""Any OpenAI-compatible endpoint: vLLM, a commercial API, or our own server."""

import asyncio
import base64
import io
import mimetypes
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal

from PIL import Image
from pydantic import Field

from eval.clips import shown_frames
from eval.models.base import shown
from eval.question import Answer, Question
from facellm.core.errors import FaceLLMError, given
from facellm.core.recipe import Part
from facellm.faces.clips import told
from facellm.faces.video import duration

GIVE_UP_AFTER = 20
"""Failures in a row after which the endpoint counts as gone."""
REFUSALS = ("BadRequestError", "UnprocessableEntityError")
"""Errors of a single question, such as a prompt longer than the model's context: the endpoint that
answered others is not gone."""
AHEAD = 16
"""Pictures that are made ready while all connections are busy."""


class Endpoint(Part):
    """A chat model that others serve. Pictures leave this process; nothing else does."""

    kind: Literal["endpoint"] = "endpoint"
    base_url: str
    """Such as `http://localhost:8000/v1`."""
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; a server without keys needs none."""
    system: str | None = None
    max_tokens: int = 512
    temperature: float = 0.0
    timeout: float = Field(default=120, gt=0)
    max_retries: int = 2
    concurrency: int = Field(default=32, gt=0)
    clips: Literal["frames", "video_url"] = "frames"
    """How clips are sent: as pictures with their times in the question, or, where the server takes
    `video_url` as vLLM does, as the stored file; it then chooses the frames itself."""

    @property
    def name(self) -> str:
        """How results call it."""
        return self.model.strip("/").rsplit("/", 1)[-1]

    async def answers(self, questions: Sequence[Question]) -> AsyncIterator[Answer]:
        """See `eval.models.base.Model`; keeps `concurrency` calls in flight.

        Raises:
            FaceLLMError: the endpoint failed so often in a row that it must be gone.
        """
        from openai import AsyncOpenAI

        key = os.environ.get(self.api_key_env) or "none"
        async with AsyncOpenAI(
            base_url=self.base_url, api_key=key, timeout=self.timeout, max_retries=self.max_retries
        ) as client:
            asked = _Ahead(self._messages, questions)
            ready: asyncio.Queue[Answer | Exception] = asyncio.Queue()
            busy = [
                asyncio.create_task(self._work(client, asked, ready))
                for _ in range(min(self.concurrency, len(questions)))
            ]
            failed, heard = 0, False
            try:
                for _ in questions:
                    answer = await ready.get()
                    if isinstance(answer, Exception):
                        raise answer
                    heard = heard or answer.text is not None
                    refused = heard and (answer.error or "").startswith(REFUSALS)
                    failed = failed + (not refused) if answer.text is None else 0
                    yield answer
                    if failed >= GIVE_UP_AFTER:
                        raise FaceLLMError(
                            f"{given(self.base_url)} failed {failed} times in a row, last: "
                            f"{answer.error}; answers so far are kept, run again to go on"
                        )
            finally:
                for task in (*busy, *(messages for _, messages in asked.made)):
                    task.cancel()

    async def _work(
        self, client: Any, asked: "_Ahead", ready: asyncio.Queue[Answer | Exception]
    ) -> None:
        """Ask one question after the other; what nobody foresaw ends the run and not in silence."""
        try:
            while asked.made:
                question, messages = asked.take()
                ready.put_nowait(await self._one(client, question, messages))
        except Exception as error:
            ready.put_nowait(error)

    async def _one(self, client: Any, question: Question, messages: asyncio.Task[Any]) -> Answer:
        from openai import OpenAIError

        begun = time.perf_counter()
        try:
            request = {
                "model": self.model,
                "messages": await messages,
                "max_tokens": self.max_tokens,
                "temperature": self.temperature,
            }
            # The client's typed method spends a millisecond a call on copying types about.
            reply = await client.post("/chat/completions", cast_to=object, body=request)
            text = reply["choices"][0]["message"]["content"]
        except (OpenAIError, FaceLLMError, LookupError, TypeError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            return Answer(id=question.id, text=None, error=f"{type(error).__name__}: {reason}")
        usage = reply.get("usage") or {}
        return Answer(
            id=question.id,
            text=text or "",
            latency=time.perf_counter() - begun,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
        )

    def _messages(self, question: Question) -> list[dict[str, Any]]:
        """The chat: the stored picture, a PNG where something changes it, or a clip, and text."""
        text = question.text
        if question.shots is None:
            urls = [_data_url(question)]
        elif self.clips == "frames":
            frames = shown_frames(question)
            urls = [_png(frame.image) for frame in frames]
            text = f"{told([frame.time for frame in frames])} {text}"
        else:
            urls = [_video_url(question)]
            seconds = duration(question.corpus / question.sample.image)
            text = f"The clip lasts {seconds:.1f} s. {text}" if seconds else text
        kind = "video_url" if question.shots and self.clips == "video_url" else "image_url"
        parts: list[dict[str, Any]] = [{"type": kind, kind: {"url": url}} for url in urls]
        parts.append({"type": "text", "text": text})
        chat: list[dict[str, Any]] = [{"role": "user", "content": parts}]
        return [{"role": "system", "content": self.system}, *chat] if self.system else chat


class _Ahead:
    """Messages made before they can be sent, so that no connection waits for a picture."""

    def __init__(self, make: Callable[[Question], Any], questions: Sequence[Question]) -> None:
        self.make = make
        self.left = iter(questions)
        self.made: deque[tuple[Question, asyncio.Task[Any]]] = deque()
        self._top_up()

    def take(self) -> tuple[Question, asyncio.Task[Any]]:
        """The next question with its messages."""
        first = self.made.popleft()
        self._top_up()
        return first

    def _top_up(self) -> None:
        while len(self.made) < AHEAD and (question := next(self.left, None)) is not None:
            messages = asyncio.create_task(asyncio.to_thread(self.make, question))
            self.made.append((question, messages))


def _data_url(question: Question) -> str:
    image = shown(question).image  # also checks that the file is a picture
    path = question.corpus / question.sample.image
    if question.corruption or path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        return _png(image)
    kind = "png" if path.suffix.lower() == ".png" else "jpeg"
    return _encoded(f"image/{kind}", path.read_bytes())


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return _encoded("image/png", buffer.getvalue())


def _video_url(question: Question) -> str:
    path = question.corpus / question.sample.image
    if question.corruption:
        raise FaceLLMError(
            "spoilt and mirrored clips need clips: frames; "
            f"{given(path.name)} would be sent as it is stored"
        )
    duration(path)  # says in one line what is missing or no video
    return _encoded(mimetypes.guess_type(path.name)[0] or "video/mp4", path.read_bytes())


def _encoded(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
