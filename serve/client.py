"""A `FaceReader` that asks a server: the same methods, over HTTP.

The picture is checked here, so that a bad one costs no request, and sent as the file it is.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from facellm.core.clip_report import ClipReport
from facellm.core.errors import FaceLLMError, given
from facellm.core.report import FaceReport
from facellm.evidence_map import EvidenceMap
from facellm.faces import ImageSource, load_image
from facellm.faces.clips import FRAMES
from facellm.faces.sampling import Sampling
from facellm.prompts import MAX_TOKENS
from facellm.video import describe_clip

TIMEOUT = httpx.Timeout(300, connect=10)
"""Seconds; a picture with many faces takes a small machine its time."""
CONCURRENT = 16
"""Pictures under way together where several are asked about."""


class ServerDown(FaceLLMError):
    """The server did not answer, or failed: the same request may succeed later."""


class ServerReader:
    """Reads the faces of pictures with a model on a server."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        """Take the server's address, with or without `/v1` at its end.

        Raises:
            FaceLLMError: text that is no http address.
        """
        if not url.startswith(("http://", "https://")):
            raise FaceLLMError(f"{given(url)} is not an address; expected http://host:port")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        base = url.rstrip("/").removesuffix("/v1")
        self._http = httpx.Client(base_url=base, headers=headers, timeout=TIMEOUT)
        self._base = base

    @property
    def model(self) -> str:
        """Name of the model that the server has."""
        try:
            response = self._http.get("/v1/models")
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if response.is_error:
            raise _refused(response)
        return str(response.json()["data"][0]["id"])

    def describe(self, image: ImageSource) -> FaceReport:
        """See `FaceReader.describe`; the server's finder looks for the faces."""
        report = self.analyze(data_url(image))
        return report.drawn_by(lambda: self.annotate(image, report))

    def analyze(self, url: str) -> FaceReport:
        """The report about a picture that is a `data:` URL already."""
        return FaceReport.model_validate(self._post("/v1/face/analyze", image=url))

    def describe_many(self, images: Sequence[ImageSource]) -> list[FaceReport]:
        """Read several pictures, as many at a time as `CONCURRENT`; see `describe`."""
        with ThreadPoolExecutor(CONCURRENT) as threads:
            return list(threads.map(self.describe, images))

    def describe_video(
        self, path: str | Path, fps: float = 5.0, sample: Sampling = "uniform"
    ) -> ClipReport:
        """See `FaceReader.describe_video`; frames are decoded here and sent as pictures."""
        return describe_clip(Path(path), self.describe_many, fps, sample)

    def ask_video(self, path: str | Path, question: str, frames: int = FRAMES) -> str:
        """See `FaceReader.ask_video`; the file is sent as it is, 16 frames are shown at most."""
        file = Path(path)
        if not file.is_file():
            raise FaceLLMError(f"no such video file: {given(str(path))}")
        url = f"data:video/*;base64,{base64.b64encode(file.read_bytes()).decode()}"
        parts = [
            {"type": "video_url", "video_url": {"url": url}},
            {"type": "text", "text": question},
        ]
        answer = self._post(
            "/v1/chat/completions",
            messages=[{"role": "user", "content": parts}],
            media_io_kwargs={"video": {"num_frames": frames}},
            temperature=0,
            max_tokens=MAX_TOKENS,
        )
        return _said(answer)

    def ask(
        self, image: ImageSource, question: str, face: int | None = None, *, stream: bool = False
    ) -> str | Iterator[str]:
        """See `FaceReader.ask`."""
        body = {"image": data_url(image), "question": question, "face": face, "stream": stream}
        if stream:
            return self._stream("/v1/face/ask", body)
        answer = self._post("/v1/face/ask", **body)
        return _said(answer)

    def annotate(self, image: ImageSource, report: FaceReport | None = None) -> Image.Image:
        """See `FaceReader.annotate`; the maps come from the server, the drawing is done here."""
        from facellm.draw import annotate

        report = self.describe(image) if report is None else report
        return annotate(load_image(image), report, self.evidence_maps(image, report))

    def evidence_maps(self, image: ImageSource, report: FaceReport) -> list[EvidenceMap]:
        """Where the model looked, for the faces of a report."""
        if not report.faces:
            return []
        faces = [{"box": face.box, "points": face.points} for face in report.faces]
        answer = self._post("/v1/face/maps", image=data_url(image), faces=faces)
        return [EvidenceMap.model_validate(one) for one in answer["maps"]]

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        try:
            response = self._http.post(path, json=body)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        if response.is_error:
            raise _refused(response)
        answer = response.json()
        assert isinstance(answer, dict)
        return answer

    def _stream(self, path: str, body: dict[str, Any]) -> Iterator[str]:
        try:
            with self._http.stream("POST", path, json=body) as response:
                if response.is_error:
                    response.read()
                    raise _refused(response)
                for line in response.iter_lines():
                    data = line.removeprefix("data: ")
                    if data == line or data == "[DONE]":
                        continue
                    event = json.loads(data)
                    if "error" in event:
                        raise FaceLLMError(f"the server stopped: {event['error']['message']}")
                    yield event["choices"][0]["delta"].get("content") or ""
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: httpx.HTTPError) -> ServerDown:
        reason = str(error) or type(error).__name__
        return ServerDown(
            f"no answer from {given(self._base)} ({reason}); is `facellm serve` running there?"
        )


def _said(answer: dict[str, Any]) -> str:
    """The text of a chat completion."""
    return str(answer["choices"][0]["message"]["content"])


def data_url(image: ImageSource) -> str:
    """A picture as `data:` URL: a file as it is, anything else as PNG.

    Raises:
        FaceLLMError: a picture that cannot be read.
    """
    picture = load_image(image)
    if isinstance(image, str | Path):
        encoded = Path(image).read_bytes()
    elif isinstance(image, bytes):
        encoded = image
    else:
        buffer = BytesIO()
        picture.save(buffer, "PNG")
        encoded = buffer.getvalue()
    return f"data:image/*;base64,{base64.b64encode(encoded).decode()}"


def _refused(response: httpx.Response) -> FaceLLMError:
    """The server's own message where it is one of ours or vLLM's; else the status."""
    try:
        message = response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = f"the server answered {response.status_code}"
    if response.status_code == 401:
        message = "the server demands an API key; give --api-key"
    kind = (
        ServerDown if response.status_code >= 500 or response.status_code == 429 else FaceLLMError
    )
    return kind(str(message))
