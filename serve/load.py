"""Load for a running server: `python -m serve.load http://localhost:8000 --requests 2000`.

Requests are mixed: reports by both routes, questions, pictures of 50-4000 pixels with 0-7 faces,
clips, bad ones. Each has a marker that its answer must repeat (the picture's size, which no other
request has, the number of a face that is not there, or words put into the model's mouth), so that
an answer to somebody else's request shows.
"""

import argparse
import asyncio
import base64
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from facellm.core.errors import FaceLLMError, one_line
from facellm.core.report import FaceReport

SIDES = (50, 4000)
MOST_FACES = 7
TELL = 200
"""Answers between two lines about how it goes."""
REPORT = {
    "type": "json_schema",
    "json_schema": {"name": "FaceReport", "schema": FaceReport.model_json_schema()},
}


@dataclass
class Asked:
    """One request and what must come back."""

    path: str
    body: dict[str, Any]
    status: int
    marker: tuple[int, int] | str | None
    """Size of the picture in the report, or what error or answer says; None: only the status."""


@dataclass
class Outcome:
    """Counts of what came back."""

    right: int = 0
    lost: int = 0
    """No answer at all."""
    mixed: int = 0
    """The answer belongs to another request."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Answers of another status than expected: `expected→status` → how many."""
    seconds: list[float] = field(default_factory=list)


class Requests:
    """Makes them, each from its number alone: the same load every time."""

    def __init__(self, face: Image.Image, model: str) -> None:
        self._face = face
        self._model = model

    def make(self, number: int) -> Asked:
        """Request `number`, counted from 0."""
        rng = random.Random(number)
        kinds = ("analyze", "chat", "ask", "clip", "bad")
        kind = rng.choices(kinds, (50, 20, 15, 5, 10))[0]
        if kind == "bad":
            return self._bad(rng)
        if kind == "clip":
            return self._clip(number, rng)
        # The width differs from request to request, the height is drawn at random.
        low, high = SIDES
        width = low + (number * 1399) % (high - low + 1)  # 1399 is prime: no width comes twice
        height = round(low * (high / low) ** rng.random())
        url = data_url(self._picture(width, height, rng), rng.choice(("JPEG", "PNG", "WEBP")))
        if kind == "analyze":
            return Asked("/v1/face/analyze", {"image": url}, 200, (width, height))
        if kind == "ask":
            missing = 1000 + number
            body = {"image": url, "question": "Why?", "face": missing}
            return Asked("/v1/face/ask", body, 400, f"there is no face {missing}:")
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "?"}]
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": parts}],
            "response_format": REPORT,
        }
        return Asked("/v1/chat/completions", body, 200, (width, height))

    def _picture(self, width: int, height: int, rng: random.Random) -> Image.Image:
        picture = Image.new("RGB", (width, height), tuple(rng.randrange(256) for _ in range(3)))
        count = rng.randint(0, MOST_FACES)
        side = min(width // max(1, count), height)
        for place in range(count if side >= 40 else 0):
            picture.paste(self._face.resize((side, side)), (place * side, 0))
        return picture

    def _clip(self, number: int, rng: random.Random) -> Asked:
        """A face that moves, and the begin of an answer, which the server repeats (`echo`)."""
        frames = []
        for place in range(rng.randint(2, 8)):
            frame = Image.new("RGB", (320, 240), (90, 90, 90))
            frame.paste(self._face.resize((200, 200)), (10 * place, 20))
            frames.append(frame)
        buffer = BytesIO()
        frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=200)
        url = f"data:video/mp4;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        marker = f"Clip {number}:"
        parts = [{"type": "video_url", "video_url": {"url": url}}, {"type": "text", "text": "?"}]
        turns = [{"role": "user", "content": parts}, {"role": "assistant", "content": marker}]
        body = {"model": self._model, "messages": turns, "max_tokens": 60, "echo": True}
        body |= {"add_generation_prompt": False, "continue_final_message": True}
        return Asked("/v1/chat/completions", body, 200, marker)

    def _bad(self, rng: random.Random) -> Asked:
        noise = rng.randbytes(3000)
        cut = base64.b64decode(data_url(self._face, "PNG").partition(",")[2])[:2000]
        image = rng.choice(
            [
                base64.b64encode(noise).decode(),
                base64.b64encode(cut).decode(),
                "@@@",
                "http://127.0.0.1/a.png",
                "file:///etc/hostname",
            ]
        )
        return Asked("/v1/face/analyze", {"image": image}, 400, None)


def data_url(image: Image.Image, kind: str) -> str:
    """A picture as `data:` URL."""
    buffer = BytesIO()
    image.save(buffer, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


async def run(
    url: str,
    requests: Requests,
    count: int,
    concurrency: int,
    api_key: str | None,
    told: Callable[[Outcome], None],
) -> Outcome:
    """Send `count` requests, `concurrency` at a time; `told` after each answer."""
    outcome = Outcome()
    numbers = iter(range(count))
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    limits = httpx.Limits(max_connections=concurrency)
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=600, limits=limits
    ) as client:

        async def worker() -> None:
            for number in numbers:
                asked = await asyncio.to_thread(requests.make, number)
                begun = time.perf_counter()
                try:
                    answer = await client.post(asked.path, json=asked.body)
                except httpx.HTTPError:
                    outcome.lost += 1
                    continue
                outcome.seconds.append(time.perf_counter() - begun)
                _judge(asked, answer, outcome)
                told(outcome)

        await asyncio.gather(*(worker() for _ in range(concurrency)))
    return outcome


def _judge(asked: Asked, answer: httpx.Response, outcome: Outcome) -> None:
    if answer.status_code != asked.status:
        outcome.statuses[f"{asked.path}: {asked.status} expected, {answer.status_code}"] += 1
        return
    content = answer.json()
    if isinstance(asked.marker, str):
        wrong = content.get("error")
        said = wrong["message"] if wrong else content["choices"][0]["message"]["content"]
        fits = asked.marker in said
    elif asked.marker is not None:
        if "choices" in content:
            content = json.loads(content["choices"][0]["message"]["content"])
        fits = (content["width"], content["height"]) == asked.marker
    else:
        fits = True
    outcome.right += fits
    outcome.mixed += not fits


def summary(outcome: Outcome, wall: float) -> dict[str, Any]:
    """The counts, and seconds from sending to the whole answer."""
    seconds = np.array(outcome.seconds or [np.nan])
    parts = {f"p{q}": round(float(np.percentile(seconds, q)), 3) for q in (50, 95, 99)}
    return {
        "answers": len(outcome.seconds),
        "right": outcome.right,
        "lost": outcome.lost,
        "mixed": outcome.mixed,
        "wrong_status": dict(outcome.statuses),
        "seconds": parts,
        "requests_per_second": round(len(outcome.seconds) / wall, 2),
    }


def _face(photo: Path | None) -> Image.Image:
    if photo is not None:
        from facellm.faces import load_image

        return load_image(photo)
    try:
        from skimage.data import astronaut
    except ImportError:
        raise FaceLLMError(
            "name a picture of one face with --photo, or pip install 'facellm[demo]'"
        ) from None
    return Image.fromarray(astronaut()[0:256, 128:384])


def memory_of(pid: int | None) -> dict[str, int]:
    """MB of a process and of those it has started, by name; pages that they share count once.

    Raises:
        FaceLLMError: no such process, or another user's.
    """
    if pid is None:
        return {}
    import psutil

    found: Counter[str] = Counter()
    try:
        server = psutil.Process(pid)
        for one in [server, *server.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):  # it has just ended
                name = "server" if one.pid == pid else one.name()
                found[name] += round(one.memory_full_info().pss / 1e6)
    except psutil.Error as error:
        raise FaceLLMError(f"cannot tell the memory of process {pid}: {error}") from None
    return {**found, "all": found.total()}


def main() -> None:
    """Entry point of `python -m serve.load`."""
    parser = argparse.ArgumentParser(prog="python -m serve.load", description=__doc__)
    parser.add_argument("server", help="such as http://localhost:8000")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--api-key")
    parser.add_argument("--photo", type=Path, help="a picture of one face, as large as it may be")
    parser.add_argument("--pid", type=int, help="of the server here: tells its memory too")
    chosen = parser.parse_args()
    with one_line("serve.load"):
        from serve.client import ServerReader

        model = ServerReader(chosen.server, chosen.api_key).model
        requests = Requests(_face(chosen.photo), model)
        begun = time.perf_counter()
        memory = {0: memory_of(chosen.pid)}

        def told(outcome: Outcome) -> None:
            if (answers := len(outcome.seconds)) % TELL == 0:
                memory[answers] = memory_of(chosen.pid)
                so_far = summary(outcome, time.perf_counter() - begun)
                print(json.dumps(so_far), file=sys.stderr, flush=True)

        work = run(
            chosen.server, requests, chosen.requests, chosen.concurrency, chosen.api_key, told
        )
        outcome = asyncio.run(work)
        found = summary(outcome, time.perf_counter() - begun)
        memory[len(outcome.seconds)] = memory_of(chosen.pid)
        print(json.dumps({**found, "megabytes_after_answers": memory}, indent=1))


if __name__ == "__main__":
    main()
