"""Landmarks arrive in the coordinates of what the tower really sees, whoever gives them."""

import copy

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.model.vision import ABSENT, POINT_UNIT
from facellm.stock.encoder import FaceRegionConfig, FaceRegionEncoder, row_major
from facellm.stock.qwen import patch_cells

SIZES = [(100, 70), (60, 120), (200, 60), (90, 90)]


def ramp(width: int, height: int) -> Image.Image:
    """Red says how far right a pixel lies in the picture and green how far down, in 1/255."""
    x = np.broadcast_to((np.arange(width) + 0.5) / width * 255, (height, width))
    y = np.broadcast_to((np.arange(height)[:, None] + 0.5) / height * 255, (height, width))
    return Image.fromarray(np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8))


def raw(processor, image):
    """The views of one picture as the stock image processor cuts them, in [0, 1]."""
    return processor.image_processor(
        [[image]], do_rescale=False, do_normalize=False, return_tensors="pt"
    )


@pytest.mark.parametrize("size", SIZES)
def test_boxes_are_what_the_stock_image_processor_cuts(pair, size):
    outputs = raw(pair.processor, ramp(*size))
    options = {"crop_to_patches": True} if pair.name == "internvl" else {}
    if pair.name == "internvl":
        outputs = pair.processor.image_processor(
            [ramp(*size)], do_rescale=False, do_normalize=False, return_tensors="pt", **options
        )
    [boxes] = pair.processor.view_boxes([size], outputs, options)
    if "image_grid_thw" in outputs:
        assert boxes == [(0, 0, *size)]
        return
    views = outputs["pixel_values"].float().flatten(0, -4) / 255
    assert len(views) == len(boxes)
    side = views.shape[-1]
    for view, box in zip(views, boxes, strict=True):
        for row, column in ((0.2, 0.3), (0.5, 0.5), (0.7, 0.9), (0.9, 0.1)):
            x = (box.x + box.width * column) / size[0]
            y = (box.y + box.height * row) / size[1]
            if 0.03 < x < 0.97 and 0.03 < y < 0.97:
                red, green = view[:2, int(row * side), int(column * side)].tolist()
                assert abs(red - x) < 0.03 and abs(green - y) < 0.03


def test_a_face_is_absent_where_it_is_not_seen(pair):
    """Of a picture's views exactly those that show part of a face carry it, in their own units."""
    image = tiny.picture(200, 60)
    points = tiny.face(30, 30, 6)[None]
    inputs = pair.inputs([image], [points])
    landmarks = inputs["landmarks"].flatten(0, -4)
    [boxes] = pair.processor.view_boxes([image.size], inputs, {"crop_to_patches": True})
    shown = 0
    for view, box in zip(landmarks, boxes, strict=True):
        units = (points[0] - [box.x, box.y]) / [box.width, box.height]
        inside = (units.max(0) > 0).all() and (units.min(0) < 1).all()
        assert bool(view[0, 0, 0] != ABSENT) == inside
        assert (view[1:] == ABSENT).all()
        if inside:
            shown += 1
            np.testing.assert_allclose(view[0] * POINT_UNIT, units, atol=1e-4)
    assert shown == 1 if len(boxes) == 1 else 0 < shown < len(boxes)


def qwen(pair):
    if not pair.name.startswith("qwen"):
        pytest.skip("other families keep patches row by row")
    return pair.model.config.vision_config


@pytest.mark.parametrize("size", SIZES)
def test_patch_centres_follow_the_order_of_the_tower(pair, size):
    """A tower that only says where a patch lies: what reaches the merger are the centres."""
    vision = qwen(pair)
    inputs = pair.processor.image_processor(
        [ramp(*size)], do_rescale=False, do_normalize=False, return_tensors="pt"
    )
    visual = copy.deepcopy(pair.model.model.visual)
    visual.blocks = torch.nn.ModuleList()
    kernel = visual.patch_embed.proj.weight
    with torch.no_grad():
        kernel.zero_()
        for channel in (0, 1):
            kernel[channel, channel] = 1 / kernel[0, 0].numel() / 255
        if hasattr(visual, "pos_embed"):
            visual.pos_embed.weight.zero_()
            visual.patch_embed.proj.bias.zero_()
    reached = []
    visual.merger.register_forward_pre_hook(lambda module, args: reached.append(args[0][:, :2]))
    visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
    _, h, w = inputs["image_grid_thw"][0].tolist()
    window = getattr(vision, "window_size", None)
    cells = patch_cells(h, w, 2, None if window is None else (window, vision.patch_size))
    centres = (cells.flip(1) + 0.5) / torch.tensor([w, h])
    assert (reached[0] - centres).abs().max() < 0.03


def test_landmarks_given_in_the_picture_or_found(pair, astronaut):
    points = tiny.faces(astronaut, 2)
    marked = astronaut.copy()
    marked.info["landmarks"] = points
    given = pair.inputs([astronaut], [points])["landmarks"]
    assert torch.equal(pair.inputs([marked], None)["landmarks"], given)
    messages = [{"role": "user", "content": [
        {"type": "image", "image": marked}, {"type": "text", "text": "hello"}]}]  # fmt: skip
    chat = pair.processor.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_tensors="pt", add_generation_prompt=True
    )
    assert torch.equal(chat["landmarks"], given)
    assert (pair.inputs([astronaut], None)["landmarks"] == ABSENT).all(), (
        "finder=None looks for none"
    )
    looking = copy.copy(pair.processor)
    looking.finder, looking.landmarks_name = "builtin", "image_position_ids"
    found = looking(text=[pair.stock.image], images=[[astronaut]], return_tensors="pt")
    found = found["image_position_ids"].flatten(0, -4)
    assert (found[..., 0, 0] != ABSENT).any(0).sum() == 1
    with pytest.raises(FaceLLMError, match="Pillow"):
        looking(text=[pair.stock.image], images=[[np.zeros((64, 64, 3), np.uint8)]])


def test_geometry_survives_half_precision():
    """Far from the origin bfloat16 points would fall onto one another; ours stay apart."""
    torch.manual_seed(0)
    config = FaceRegionConfig(hidden_size=32, heads=2)
    encoder = FaceRegionEncoder(config)
    with torch.no_grad():
        encoder.levels[0].gate.fill_(1.0)
    patches = torch.randn(1, 200 * 4, 32)
    # A patch is 1/200 of the view wide and 1/4 high: the face's eyes are a patch apart.
    units = tiny.face(0, 0, 1) / np.float32([200, 4]) + np.float32([0.9, 0.5])
    landmarks = torch.full((1, 8, 68, 2), ABSENT, dtype=torch.int32)
    landmarks[0, 3] = torch.from_numpy(np.rint(units / POINT_UNIT)).int()
    centres = row_major(200, 4)
    exact, maps = encoder(0, patches, landmarks, centres, (200, 4))
    rough, _ = encoder.bfloat16()(0, patches.bfloat16(), landmarks, centres, (200, 4))
    change, error = exact - patches, rough.float() - exact
    assert change.abs().max() > 0.1
    assert error.norm() < 0.1 * change.norm() + 0.01 * patches.norm()
    assert maps[0, 3].sum(-1).allclose(torch.ones(15), atol=1e-4)
    assert not maps[0, [0, 1, 2, 4, 5, 6, 7]].any()
