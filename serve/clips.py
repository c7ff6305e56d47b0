"""Clips in a chat: a `video_url` becomes its frames, with the people in them kept apart.

video_url ─ decoder ─► frames and times ─ finder, tracker ─► image, landmarks │ image, landmarks │ …
                                                         └► "The 16 pictures are frames of …" text

The chat is vLLM's own from there on. The model sees what it saw in training and what
`FaceReader.ask_video` shows it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import vllm.envs as envs
from PIL import Image

from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Face
from facellm.faces.clips import FRAMES, ShownFrame, people_shown, told
from serve.media import FaceClipIO, FaceMediaConnector

VIDEO = "video_url"


def has_clip(messages: Sequence[Any]) -> bool:
    """Whether a chat shows a clip."""
    return any(_is_clip(part) for message in messages for part in _parts(message))


def frames_wanted(options: Mapping[str, Any]) -> int:
    """How many frames a request wants at most, by `media_io_kwargs.video` as vLLM names it.

    Raises:
        FaceLLMError: another option, or another number than there may be.
    """
    odd = sorted(options.keys() - {"num_frames"})
    if odd:
        raise FaceLLMError(f"media_io_kwargs.video holds {odd[0]}; expected num_frames alone")
    wanted = options.get("num_frames", FRAMES)
    if not isinstance(wanted, int) or not 1 <= wanted <= FRAMES:
        raise FaceLLMError(f"num_frames is {given(wanted)}; expected 1 to {FRAMES}")
    return wanted


async def with_frames(
    messages: Sequence[Any],
    connector: FaceMediaConnector,
    find: Callable[[Image.Image], Sequence[Face]],
    most_faces: int,
    frames: int = FRAMES,
) -> list[Any]:
    """The chat with the clip's frames in its place, and their times before what is said next.

    Args:
        messages: of a chat completion request, one clip among them.
        connector: knows which addresses are open.
        find: looks for the faces of a frame.
        most_faces: people to follow.
        frames: at most.

    Raises:
        FaceLLMError: several clips, one without a URL, one that cannot be read or shows no face.
    """
    clips = [part for message in messages for part in _parts(message) if _is_clip(part)]
    if len(clips) != 1:
        raise FaceLLMError(f"the messages hold {len(clips)} clips; a chat is about one")
    [clip] = clips
    read = await connector.load_from_url_async(
        _url(clip), FaceClipIO(frames), fetch_timeout=envs.VLLM_VIDEO_FETCH_TIMEOUT
    )
    shown = [ShownFrame(number, time, image, None) for number, (time, image) in enumerate(read)]
    people = await asyncio.to_thread(people_shown, shown, find, most_faces, VIDEO)
    pictures = [
        {"type": "image_pil", "image_pil": {"image": frame.image, "landmarks": points}}
        for frame, points in zip(shown, people, strict=True)
    ]
    times = told([frame.time for frame in shown])
    return [_replaced(message, pictures, times) for message in messages]


def _replaced(message: Any, pictures: list[dict[str, Any]], times: str) -> Any:
    parts = _parts(message)
    place = next((n for n, part in enumerate(parts) if _is_clip(part)), None)
    if place is None:
        return message
    before, after = parts[:place], parts[place + 1 :]
    said = next((n for n, part in enumerate(after) if _is_text(part)), None)
    if said is None:
        after = [{"type": "text", "text": times}, *after]
    else:
        after[said] = {**after[said], "text": f"{times} {after[said]['text']}"}
    return {**message, "content": [*before, *pictures, *after]}


def _parts(message: Any) -> list[Any]:
    content = message.get("content") if isinstance(message, Mapping) else None
    return list(content) if isinstance(content, list) else []


def _is_clip(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type", VIDEO) == VIDEO and VIDEO in part


def _is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "text" and "text" in part


def _url(part: Mapping[str, Any]) -> str:
    video = part[VIDEO]
    url = video.get("url") if isinstance(video, Mapping) else video
    if not isinstance(url, str):
        raise FaceLLMError("the video_url holds no URL; expected data:video/…;base64,…")
    return url
