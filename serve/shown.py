"""What the engine is given of a picture: the part that its views show, not all of its megapixels.

A report asks four questions about each face. Copied, hashed and sent as a whole for each of them, a
picture of 16 megapixels with seven faces costs the server more than the model does.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from vllm.multimodal.media import MediaWithBytes

from facellm.model.processing import FaceLLMImageProcessor, FaceLLMProcessor
from facellm.model.views import View, to_view
from facellm.prompts import Landmarks, Request

Points = NDArray[np.float32]


def prompts(requests: Sequence[Request], processor: FaceLLMProcessor) -> list[dict[str, Any]]:
    """Requests as the engine takes them; what several have in common is made once.

    Args:
        requests: those about the same face hold the same picture and the same landmarks.
        processor: of the model.
    """
    items: dict[tuple[int, int], Any] = {}
    texts: dict[tuple[int, str], list[int]] = {}
    made = []
    for request in requests:
        shown = []
        for image, landmarks in request.pictures:
            place = id(image), id(landmarks)
            if place not in items:
                items[place] = _item(image, landmarks, processor.image_processor)
            shown.append(items[place])
        text = len(shown), request.question
        if text not in texts:
            texts[text] = processor.tokenizer.apply_chat_template(
                request.messages, add_generation_prompt=True, tokenize=True, return_dict=False
            )
        tokens = [*texts[text], *request.prefill]
        made.append({"prompt_token_ids": tokens, "multi_modal_data": {"image": shown}})
    return made


def _item(image: Image.Image, landmarks: Landmarks, processor: FaceLLMImageProcessor) -> Any:
    """One image item, which the engine's caches know by a digest made here, once."""
    if isinstance(landmarks, np.ndarray):  # else somebody may be away
        image, landmarks = close_up(image, landmarks, processor)
    name = blake2b(image.tobytes(), digest_size=32)
    name.update(repr(image.size).encode())
    return {"image": MediaWithBytes(image, name.digest()), "landmarks": landmarks}


def close_up(
    image: Image.Image, points: Points, processor: FaceLLMImageProcessor
) -> tuple[Image.Image, Points]:
    """The part of a picture that its views show, and the points in it.

    The model gets the same of it as of the whole picture, bit for bit; where rounding would make a
    view of the part differ by a pixel, the whole picture is returned.
    """
    views = processor.plan(image, points)
    x0, y0 = max(0, min(view.x for view in views)), max(0, min(view.y for view in views))
    x1 = min(image.width, max(view.x + view.side for view in views))
    y1 = min(image.height, max(view.y + view.side for view in views))
    if x1 <= x0 or y1 <= y0 or (x1 - x0, y1 - y0) == image.size:
        return image, points
    part, moved = image.crop((x0, y0, x1, y1)), points - np.float32([x0, y0])
    for whole, again in zip(views, processor.plan(part, moved), strict=True):
        if again._replace(x=again.x + x0, y=again.y + y0) != whole:
            return image, points
        if not _same(points, whole, moved, again):
            return image, points
    return part, moved


def _same(points: Points, view: View, moved: Points, again: View) -> bool:
    faces = list(view.faces)
    return np.array_equal(to_view(points[faces], view), to_view(moved[faces], again))
