"""The measurement of throughput: what it compares is what it says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.checkpoint import SHIPPED
from facellm.model import debug_checkpoint
from serve.throughput import LENGTHS, requests, without_regions


@pytest.mark.parametrize("shipped", [False, True])
def test_the_plain_model_has_no_region_tokens(
    shipped: bool, tmp_path: Path, astronaut: Image.Image
) -> None:
    guided = SHIPPED if shipped else debug_checkpoint(tmp_path / "guided")
    plain = without_regions(guided, tmp_path / "plain")
    model = AutoModelForImageTextToText.from_pretrained(plain)
    assert not [name for name, _ in model.named_parameters() if "region" in name or "told" in name]
    processor = AutoProcessor.from_pretrained(plain)
    points = np.tile(np.asarray([[200.0, 100.0]], np.float32), (1, 68, 1))
    text = processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}]}], tokenize=False
    )
    inputs = processor(text=[text], images=[astronaut], landmarks=[points], return_tensors="pt")
    image = model.config.image_token_id
    assert int((inputs["input_ids"] == image).sum()) == model.config.vision_config.patch_tokens
    model.generate(**inputs, max_new_tokens=2)


def face_box(points: np.ndarray) -> tuple[int, int, int, int]:
    (x0, y0), (x1, y1) = points[0].min(0), points[0].max(0)
    return int(x0), int(y0), int(x1), int(y1)


def test_requests_are_mixed_and_no_picture_comes_twice() -> None:
    pytest.importorskip("skimage")
    asked = requests(40, seed=1)
    lengths = [one.max_tokens for one in asked]
    assert LENGTHS[0] <= min(lengths) < 30 < 100 < max(lengths) <= LENGTHS[1]
    again = requests(40, seed=2)
    shown = {one.image.crop(face_box(one.landmarks)).tobytes() for one in [*asked, *again]}
    assert len(shown) == len(asked) + len(again)
    assert all(one.landmarks.min() > 0 and one.landmarks.max() < one.image.width for one in asked)
