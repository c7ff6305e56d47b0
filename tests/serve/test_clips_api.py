"""Clips in the chat API with the shipped weights: what `ask_video` answers, and refusals."""

import base64
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from facellm.core.errors import FaceLLMError
from serve import decoder
from serve.client import ServerReader

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed"),
    pytest.mark.skipif(find_spec("av") is None, reason="PyAV is not installed"),
]
QUESTION = "Which expression does face 1 show, and why?"


@pytest.fixture(scope="module")
def clip(astronaut: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, of whom the second is away in the middle of a second and a half."""
    face = astronaut.crop((120, 0, 320, 240))
    other = face.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((150, 180))
    frames = []
    for number in range(6):
        frame = Image.new("RGB", (440, 260), (90, 110, 130))
        frame.paste(face, (10 + number, 10))
        if number not in (2, 3):
            frame.paste(other, (250 - number, 40))
        frames.append(frame)
    path = tmp_path_factory.mktemp("clip") / "two.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=250, loop=0)
    return path


def url_of(path: Path) -> str:
    return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()


def shown(url: Any) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": url}}


def ask(http: httpx.Client, *parts: Any, **more: Any) -> httpx.Response:
    messages = [{"role": "user", "content": list(parts)}]
    body = {"model": "facellm-nano", "messages": messages, "temperature": 0, "max_tokens": 320}
    return http.post("/v1/chat/completions", json={**body, **more})


@pytest.mark.slow
def test_a_clip_is_answered_as_by_ask_video(http: httpx.Client, key: str, clip: Path) -> None:
    import facellm

    text = {"type": "text", "text": QUESTION}
    answer = ask(http, shown(url_of(clip)), text)
    assert answer.status_code == 200, answer.text[:300]
    said = answer.json()["choices"][0]["message"]["content"]
    expected = facellm.load().ask_video(clip, QUESTION)
    assert said == expected
    reader = ServerReader(str(http.base_url), key)
    assert reader.ask_video(clip, QUESTION) == expected
    few = reader.ask_video(clip, QUESTION, frames=2)
    assert few == facellm.load().ask_video(clip, QUESTION, frames=2)
    with pytest.raises(FaceLLMError, match="num_frames is '17'; expected 1 to 16"):
        reader.ask_video(clip, QUESTION, frames=17)
    odd = ask(http, shown(url_of(clip)), text, media_io_kwargs={"video": {"fps": 3}})
    assert "holds fps; expected num_frames alone" in odd.json()["error"]["message"]
    # Words around the clip stay where they are, and further turns are vLLM's own.
    first = {"role": "user", "content": [shown(url_of(clip)), text]}
    turns = [first, {"role": "assistant", "content": said}, {"role": "user", "content": "Why?"}]
    more = ask(http, messages=turns)
    assert more.json()["usage"]["prompt_tokens"] > answer.json()["usage"]["prompt_tokens"]


@pytest.mark.slow
def test_what_is_no_clip_is_refused_in_words(
    http: httpx.Client, clip: Path, tmp_path: Path
) -> None:
    still = tmp_path / "still.gif"
    frames = [Image.new("RGB", (64, 64), (n, 9, 9)) for n in range(3)]
    frames[0].save(still, save_all=True, append_images=frames[1:], duration=200)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(99))
    for parts, problem in (
        ([shown(url_of(still))], "no face in any of the 3 frames shown of clip 'video_url'"),
        ([shown(url_of(cut))], "the clip' is not readable as a video"),
        ([shown("data:video/mp4;base64,%%")], "the video is not valid base64"),
        ([shown("data:video/mp4,abc")], "the video URL is not data:video/…;base64,…"),
        ([shown("clip.mp4")], "the video is no URL; expected data:video/…;base64,…"),
        ([shown(None)], "the video_url holds no URL"),
        ([shown(url_of(clip)), shown(url_of(clip))], "the messages hold 2 clips"),
        ([shown("file:///etc/hostname")], "local files are off"),
        ([shown("http://localhost:1/a.mp4")], "domains that this server allows"),
    ):
        answer = ask(http, *parts, {"type": "text", "text": "What happens?"})
        assert 400 <= answer.status_code < 500, (parts, answer.text[:300])
        assert problem in answer.json()["error"]["message"]


def test_large_frames_are_made_smaller(tmp_path: Path) -> None:
    path = tmp_path / "large.gif"
    frames = [Image.new("RGB", (1600, 800), (n * 90, 9, 9)) for n in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=200)
    found = decoder.decode_clip(path.read_bytes(), 2)
    assert [time for time, _ in found] == [0.0, 0.4]
    assert all(size == (1280, 640) for _, (size, _) in found)
    assert np.frombuffer(found[1][1][1], np.uint8)[0] > 150


def test_a_clip_that_takes_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.gif"
    frames = [Image.effect_noise((900, 900), 60).convert("RGB") for _ in range(3)]
    frames[0].save(path, save_all=True, append_images=frames * 4, duration=100)
    monkeypatch.setattr(decoder, "SECONDS", 0.05)
    with pytest.raises(FaceLLMError, match=r"longer than 0.05 s to read; send a shorter"):
        decoder.decode_clip(path.read_bytes(), 4)
