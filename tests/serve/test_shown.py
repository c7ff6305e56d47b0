"""What the engine is shown of a picture is a part of it, and the model's inputs stay the same."""

from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from facellm.core.sample import Face
from facellm.describe import Describer
from facellm.faces.finder import make_face
from facellm.model import debug_checkpoint

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory):
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(debug_checkpoint(tmp_path_factory.mktemp("m") / "debug"))


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(values)


def faces(rng: np.random.Generator, count: int, size: tuple[int, int]) -> np.ndarray:
    """Points of faces anywhere, some of them half outside the picture."""
    centres = rng.uniform(-0.1, 1.1, (count, 1, 2)) * size
    sides = rng.uniform(5, 400, (count, 1, 1))
    return (centres + sides * rng.uniform(-0.5, 0.5, (count, 68, 2))).astype(np.float32)


def inputs(processor, image: Image.Image, points: np.ndarray):
    return processor.image_processor(images=[image], landmarks=[points])


def test_the_model_gets_the_same_of_a_part(processor) -> None:
    from serve.shown import close_up

    image, rng, smaller = noise(1400, 1100), np.random.default_rng(1), 0
    for trial in range(120):
        points = faces(rng, trial % 4, image.size)
        part, moved = close_up(image, points, processor.image_processor)
        smaller += part.size != image.size
        whole, seen = inputs(processor, image, points), inputs(processor, part, moved)
        for name in ("pixel_values", "landmarks", "num_views"):
            assert np.array_equal(whole[name].numpy(), seen[name].numpy()), (trial, name)
    assert smaller > 60


def test_rounding_that_moves_a_view_shows_the_whole_picture(
    processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serve.shown import close_up

    image, points = noise(900, 900), faces(np.random.default_rng(2), 1, (900, 900))
    images = processor.image_processor
    assert close_up(image, points, images)[0].size != image.size
    plan = images.plan

    def off_by_one(picture: Image.Image, at: np.ndarray):
        views = plan(picture, at)
        return views if picture is image else [one._replace(x=one.x + 1) for one in views]

    monkeypatch.setattr(images, "plan", off_by_one)
    assert close_up(image, points, images)[0] is image


def test_a_face_is_prepared_once_for_all_questions(processor) -> None:
    from serve.shown import prompts

    image = noise(600, 500)
    points = [faces(np.random.default_rng(n), 1, (300, 300))[0] + 150 for n in range(2)]
    found: list[Face] = [make_face(one, (*one.min(0), *one.max(0))) for one in points]
    requests = Describer(processor.tokenizer).requests(image, found)
    made = prompts(requests, processor)
    each = len(requests) // 2
    items = [prompt["multi_modal_data"]["image"] for prompt in made]
    assert all(len(one) == 1 for one in items)
    assert len({id(one[0]) for one in items[:each]}) == len({id(one[0]) for one in items}) - 1 == 1
    assert items[0][0]["image"].original_bytes != items[each][0]["image"].original_bytes
    for request, prompt in zip(requests, made, strict=True):
        tokens = processor.tokenizer.apply_chat_template(
            request.messages, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        assert prompt["prompt_token_ids"] == [*tokens, *request.prefill]
