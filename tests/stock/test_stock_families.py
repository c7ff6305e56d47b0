"""A stock model with face regions: itself until trained, and then it follows the landmarks."""

import inspect

import numpy as np
import pytest
import tiny
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.model.vision import ABSENT
from facellm.stock import add_face_regions

PICTURE = tiny.picture(100, 70)
OTHER = tiny.picture(60, 120, 1)


@torch.no_grad()
def logits(model, inputs):
    return model(**inputs).logits


def generate(model, inputs):
    return model.generate(**inputs, max_new_tokens=6, do_sample=False)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_until_trained_it_is_the_stock_model_bit_for_bit(pair, number):
    expected = pair.stock_inputs([PICTURE])
    inputs = pair.inputs([PICTURE], [tiny.faces(PICTURE, number)])
    assert set(inputs) - set(expected) == {"landmarks"}
    for name, value in expected.items():
        assert torch.equal(inputs[name], value), name
    assert isinstance(pair.model, type(pair.stock.model))
    assert torch.equal(logits(pair.model, inputs), logits(pair.stock.model, expected))
    assert torch.equal(generate(pair.model, inputs), generate(pair.stock.model, expected))


def test_trained_it_answers_to_landmarks_and_to_nothing_else(pair):
    tiny.open_gate(pair.model)
    plain = logits(pair.stock.model, pair.stock_inputs([PICTURE, OTHER]))
    none = [tiny.faces(PICTURE, 0)] * 2
    assert torch.equal(logits(pair.model, pair.inputs([PICTURE, OTHER], none)), plain)
    assert torch.equal(logits(pair.model, pair.stock_inputs([PICTURE, OTHER])), plain)
    one = [tiny.faces(PICTURE, 1), tiny.faces(OTHER, 0)]
    two = [tiny.faces(PICTURE, 2), tiny.faces(OTHER, 0)]
    moved = [tiny.faces(PICTURE, 1, seed=5), tiny.faces(OTHER, 0)]
    given = [pair.inputs([PICTURE, OTHER], points) for points in (one, two, moved)]
    answers = [plain, *(logits(pair.model, inputs) for inputs in given)]
    for i, first in enumerate(answers):
        for second in answers[:i]:
            assert (first - second).abs().max() > 1e-4


def test_faces_of_one_picture_leave_the_other_alone(pair):
    tiny.open_gate(pair.model)
    inputs = [
        pair.inputs([PICTURE, OTHER], [tiny.faces(PICTURE, n), tiny.faces(OTHER, 2)])
        for n in (0, 3)
    ]
    first, second = [seen(pair.model, one) for one in inputs]
    changed = (first - second).abs().amax(-1) > 1e-6
    of_other = len(seen(pair.model, pair.inputs([PICTURE], [tiny.faces(PICTURE, 0)])))
    if pair.name == "llava_onevision":  # a picture of a group is not cut into tiles
        of_other = len(first) // 2
    assert changed[:of_other].any()
    assert not changed[of_other:].any()


@torch.no_grad()
def seen(model, inputs):
    """What the language model gets of all pictures, (tokens, L)."""
    keys = ("pixel_values", "image_grid_thw", "image_sizes", "batch_num_images",
            "pixel_attention_mask", "landmarks")  # fmt: skip
    kept = {k: inputs[k] for k in keys if k in inputs}
    tokens = model.get_image_features(**kept).pooler_output
    return torch.cat(list(tokens)) if isinstance(tokens, list | tuple) else tokens.flatten(0, 1)


def whole_view(name, tokens, inputs):
    """Values a token of the view that shows the whole picture, as (rows, columns)."""
    if "image_grid_thw" in inputs:
        _, h, w = inputs["image_grid_thw"][0].tolist()
        return tokens.reshape(h // 2, w // 2)
    if name == "llava_onevision":
        return tokens[:64].reshape(8, 8)
    return tokens[-16:].reshape(4, 4)


@pytest.mark.parametrize("place", [(0.2, 0.8), (0.8, 0.8), (0.8, 0.2), (0.2, 0.2)])
def test_a_face_changes_the_patches_it_lies_on(pair, place):
    """Left is left and up is up: neither swapped nor mirrored, in what is guided and read out."""
    tiny.open_gate(pair.model)
    image = tiny.picture(128, 96)
    points = tiny.face(place[0] * 128, place[1] * 96, 12)[None]
    inputs = pair.inputs([image], [points])
    change = seen(pair.model, inputs) - seen(pair.model, pair.inputs([image], [points[:0]]))
    change = whole_view(pair.name, change.abs().sum(-1), inputs)
    maps = pair.model.evidence_maps(**inputs)
    view = 0 if pair.name in ("llava_onevision", "qwen3_vl", "qwen2_5_vl") else -1
    evidence = torch.cat(maps)[view, 0].mean(0)
    for grid in (change, evidence):
        rows, columns = grid.shape
        left, upper = grid[:, : columns // 2].sum(), grid[: rows // 2].sum()
        assert (left > 0.7 * grid.sum()) == (place[0] < 0.5)
        assert (left < 0.3 * grid.sum()) == (place[0] > 0.5)
        assert (upper > 0.7 * grid.sum()) == (place[1] < 0.5)
        assert (upper < 0.3 * grid.sum()) == (place[1] > 0.5)


def test_evidence_maps_sum_to_one_where_there_is_a_face(pair):
    inputs = pair.inputs([PICTURE, OTHER], [tiny.faces(PICTURE, 2), tiny.faces(OTHER, 0)])
    maps = pair.model.evidence_maps(**inputs)
    there = torch.cat([one.sum((-1, -2)) for one in maps])
    present = inputs["landmarks"].flatten(0, -4)[..., 0, 0] != ABSENT
    expected = present[..., None].float().expand_as(there)
    assert torch.allclose(there, expected, atol=1e-4)
    assert present.any() and not present.all()


def test_saved_and_loaded_it_is_the_same(pair, tmp_path):
    tiny.open_gate(pair.model, 0.7)
    pair.model.save_pretrained(tmp_path)
    pair.processor.save_pretrained(tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()
    processor = AutoProcessor.from_pretrained(tmp_path)
    assert type(model) is type(pair.model) and type(processor) is type(pair.processor)
    assert processor.finder is None and processor.max_faces == 8
    saved = pair.model.state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, saved[name]), name
    inputs = pair.inputs([PICTURE], [tiny.faces(PICTURE, 2)])
    torch.testing.assert_close(logits(model, inputs), logits(pair.model, inputs), atol=1e-5, rtol=0)
    half = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert half.model.region_encoder.levels[0].gate.dtype == torch.float32
    assert half.dtype == torch.bfloat16
    assert logits(half, inputs).isfinite().all()


def test_alias_and_signature(pair):
    """Trainers find landmarks under another name, and `labels` in the signature."""
    tiny.open_gate(pair.model)
    inputs = pair.inputs([PICTURE], [tiny.faces(PICTURE, 1)])
    expected = logits(pair.model, inputs)
    inputs["image_position_ids"] = inputs.pop("landmarks")
    assert torch.equal(logits(pair.model, inputs), expected)
    names = set(inspect.signature(pair.model.forward).parameters)
    assert {"landmarks", "labels", "pixel_values"} <= names


@pytest.mark.parametrize("name", ["landmarks", "image_position_ids"])
def test_generation_sees_what_the_forward_pass_sees(pair, name):
    """transformers encodes pictures ahead of `generate`, by arguments it finds in a signature."""
    tiny.open_gate(pair.model)
    inputs = pair.inputs([PICTURE], [tiny.faces(PICTURE, 2)])
    expected = logits(pair.model, inputs)[:, -1]
    assert (
        expected - logits(pair.stock.model, pair.stock_inputs([PICTURE]))[:, -1]
    ).abs().max() > 1e-4
    inputs[name] = inputs.pop("landmarks")
    out = pair.model.generate(
        **inputs,
        max_new_tokens=1,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
    )
    torch.testing.assert_close(out.logits[0], expected, atol=1e-5, rtol=0)


def test_the_inner_model_takes_landmarks_too(pair):
    """TRL calls it instead of the whole model."""
    tiny.open_gate(pair.model)
    inputs = pair.inputs([PICTURE], [tiny.faces(PICTURE, 1)])
    with torch.no_grad():
        hidden = pair.model.model(**inputs).last_hidden_state
        expected = pair.model(**inputs).logits
        torch.testing.assert_close(pair.model.lm_head(hidden), expected, atol=1e-5, rtol=0)


def test_one_step_moves_the_gate_and_the_next_the_encoder(pair):
    twin = tiny.FAMILIES[pair.name]()
    model, _ = add_face_regions(twin.model, twin.processor)
    inputs = pair.inputs([PICTURE], [tiny.faces(PICTURE, 2)])
    labels = inputs["input_ids"].clone()
    labels[:, :-3] = -100
    encoder = model.model.region_encoder
    model.requires_grad_(False)
    encoder.requires_grad_(True)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=0.01)
    before, losses = logits(model, inputs), []
    for step in range(3):
        loss = model(**inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        missing = [n for n, p in encoder.named_parameters() if p.grad is None]
        assert not missing
        if step:
            # What shifts the keys of all regions alike is lost in the softmax over regions.
            still = {n for n, p in encoder.named_parameters() if not p.grad.abs().max() > 0}
            assert all(name.endswith("guide_key.bias") for name in still), still
        optimizer.step()
        assert all(level.gate.abs().item() > 0 for level in encoder.levels)
    assert losses[2] < losses[1] < losses[0]
    assert not torch.equal(logits(model, inputs), before)


def test_wrong_landmarks_are_refused(pair):
    with pytest.raises(FaceLLMError, match="2 pictures but there are 1"):
        pair.inputs([PICTURE], [None, None])
    with pytest.raises(FaceLLMError, match="takes 8"):
        pair.inputs([PICTURE], [tiny.faces(PICTURE, 9)])
    with pytest.raises(FaceLLMError, match=r"\(faces, 68, 2\)"):
        pair.inputs([PICTURE], [np.zeros((1, 5, 2))])
    inputs = pair.inputs([PICTURE], [tiny.faces(PICTURE, 1)])
    inputs["landmarks"] = torch.cat([inputs["landmarks"]] * 2)
    with pytest.raises(FaceLLMError, match="pass the processor's outputs together"):
        logits(pair.model, inputs)
