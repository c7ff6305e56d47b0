"""Clips on a stock model's own video path: faces act in the frames and the places they are in."""

import numpy as np
import pytest
import tiny
import torch
from twins import lent

from facellm.core.errors import FaceLLMError
from facellm.model.vision import ABSENT, POINT_UNIT
from facellm.stock import add_face_regions
from facellm.stock.clips import clip_inputs, temporal

WIDTH, HEIGHT = 96, 64


@pytest.fixture(params=["qwen3_vl", "qwen2_5_vl"])
def pair(request, pairs):
    yield from lent(request.param, pairs)


def video(frames=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 255, (frames, HEIGHT, WIDTH, 3), np.uint8)


def prompt(pair, text="hello", videos=1, images=0):
    content = [*[{"type": "image"}] * images, *[{"type": "video"}] * videos,
               {"type": "text", "text": text}]  # fmt: skip
    return pair.processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )


def inputs_of(pair, clip, landmarks=None, **more):
    more.setdefault("do_sample_frames", False)
    given = {} if landmarks is None else {"landmarks_videos": [landmarks]}
    return pair.processor(text=[prompt(pair)], videos=[clip], return_tensors="pt", **given, **more)


def one_face(x=48, y=32, size=10):
    return [tiny.face(x, y, size)]


@torch.no_grad()
def logits(model, inputs):
    return model(**inputs).logits


@torch.no_grad()
def seen(model, inputs):
    """Tokens of the clip, (temporal patches, rows, columns, L)."""
    shared = {k: inputs[k] for k in ("pixel_values_videos", "video_grid_thw", "landmarks_videos")
              if k in inputs}  # fmt: skip
    tokens = model.model.get_video_features(**shared).pooler_output
    tokens = torch.cat(list(tokens)) if isinstance(tokens, list | tuple) else tokens
    t, h, w = inputs["video_grid_thw"][0].tolist()
    return tokens.reshape(t, h // 2, w // 2, -1)


def test_two_frames_are_one_view_and_the_mean_of_both(pair):
    frames = [one_face(30 + 2 * n) for n in range(4)]
    landmarks = inputs_of(pair, video(4), frames)["landmarks_videos"]
    assert landmarks.shape == (2, 8, 68, 2) and landmarks.dtype == torch.int32
    for view, x in enumerate((31, 35)):
        expected = tiny.face(x, 32, 10) / np.float32([WIDTH, HEIGHT])
        np.testing.assert_allclose(landmarks[view, 0] * POINT_UNIT, expected, atol=1e-4)
        assert (landmarks[view, 1:] == ABSENT).all()


def test_who_is_away_keeps_the_place_and_leaves_no_trace():
    near, far = tiny.face(30, 30, 8), tiny.face(60, 30, 8)
    gone = np.full_like(near, np.nan)
    views = temporal([np.stack([near, far]), np.stack([gone, far]), np.stack([gone, far])], 2, 2)
    np.testing.assert_array_equal(views[0], [near, far])  # the frame that shows somebody counts
    assert np.isnan(views[1][0]).all()
    np.testing.assert_array_equal(views[1][1], far)  # the last frame fills the patch


def test_landmarks_of_all_frames_are_sampled_as_the_frames_are(pair):
    clip = video(12)
    frames = [one_face(20 + 4 * n) for n in range(12)]
    sampled = inputs_of(pair, clip, frames, do_sample_frames=True, num_frames=4, fps=None)
    numbers = [0, 4, 7, 11] if pair.name == "qwen3_vl" else None
    whole = pair.processor(
        text=[prompt(pair)], videos=[clip], return_tensors="pt", do_sample_frames=True,
        num_frames=4, fps=None, return_metadata=True,
    )  # fmt: skip
    found = [int(n) for n in whole["video_metadata"][0]["frames_indices"]]
    assert numbers is None or found[:4] == numbers
    picked = [frames[n] for n in found]
    by_hand = inputs_of(pair, clip[found], picked)["landmarks_videos"]
    assert torch.equal(sampled["landmarks_videos"], by_hand)
    assert "video_metadata" not in sampled


def test_until_trained_it_is_the_stock_model_bit_for_bit(pair):
    clip = video(4)
    plain = pair.stock.processor(
        text=[prompt(pair)], videos=[clip], return_tensors="pt", do_sample_frames=False
    )
    inputs = inputs_of(pair, clip, [one_face()] * 4)
    assert set(inputs) - set(plain) == {"landmarks_videos"}
    for name, value in plain.items():
        assert torch.equal(torch.as_tensor(inputs[name]), torch.as_tensor(value)), name
    assert torch.equal(logits(pair.model, inputs), logits(pair.stock.model, plain))


@pytest.mark.parametrize("place", [(24, 16), (72, 48)])
def test_a_face_changes_its_patches_in_its_frames(pair, place):
    tiny.open_gate(pair.model)
    clip = video(6)
    nobody = [[]] * 6
    there = [*[[]] * 2, *[one_face(*place, 6)] * 2, *[[]] * 2]
    change = seen(pair.model, inputs_of(pair, clip, there))
    change = (change - seen(pair.model, inputs_of(pair, clip, nobody))).abs().sum(-1)
    if pair.name == "qwen2_5_vl" or change[1].sum() > 0:
        assert change[1].sum() > 1e-3
    assert change[[0, 2]].max() < 1e-6, "other frames are as they were"
    rows, columns = change[1].shape
    left, upper = change[1][:, : columns // 2].sum(), change[1][: rows // 2].sum()
    assert (left > 0.7 * change[1].sum()) == (place[0] < WIDTH / 2)
    assert (upper > 0.7 * change[1].sum()) == (place[1] < HEIGHT / 2)


def test_a_clip_without_landmarks_is_the_stock_models(pair):
    tiny.open_gate(pair.model)
    clip = video(4)
    plain = inputs_of(pair, clip)
    assert "landmarks_videos" not in plain
    expected = logits(pair.stock.model, plain)
    assert torch.equal(logits(pair.model, plain), expected)
    assert torch.equal(logits(pair.model, inputs_of(pair, clip, [[]] * 4)), expected)
    with_face = logits(pair.model, inputs_of(pair, clip, [one_face()] * 4))
    assert (with_face - expected).abs().max() > 1e-4


def test_generation_sees_what_the_forward_pass_sees(pair):
    tiny.open_gate(pair.model)
    inputs = inputs_of(pair, video(4), [one_face()] * 4)
    expected = logits(pair.model, inputs)[:, -1]
    out = pair.model.generate(
        **inputs, max_new_tokens=1, do_sample=False, output_logits=True,
        return_dict_in_generate=True,
    )  # fmt: skip
    torch.testing.assert_close(out.logits[0], expected, atol=1e-5, rtol=0)


def test_pictures_and_clips_of_one_prompt_each_have_their_own_faces(pair):
    tiny.open_gate(pair.model)
    picture = tiny.picture(100, 70)

    def both(in_picture, in_clip):
        return logits(pair.model, pair.processor(
            text=[prompt(pair, images=1)], images=[[picture]], videos=[video(4)],
            landmarks=[tiny.faces(picture, in_picture)], landmarks_videos=[[in_clip] * 4],
            do_sample_frames=False, return_tensors="pt",
        ))  # fmt: skip

    none, one, other = both(0, []), both(1, []), both(0, one_face())
    for a, b in ((none, one), (none, other), (one, other)):
        assert (a - b).abs().max() > 1e-4


def test_it_learns_from_clips(pair):
    twin = tiny.FAMILIES[pair.name]()
    model, _ = add_face_regions(twin.model, twin.processor, finder=None)
    inputs = inputs_of(pair, video(4), [one_face()] * 4)
    labels = inputs["input_ids"].clone()
    labels[:, :-3] = -100
    encoder = model.model.region_encoder
    model.requires_grad_(False)
    encoder.requires_grad_(True)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=0.01)
    losses = []
    for _ in range(3):
        loss = model(**inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < losses[1] < losses[0]
    assert all(level.gate.abs().item() > 0 for level in encoder.levels)


def test_landmarks_that_do_not_fit_are_one_line(pair):
    clip = video(8)
    with pytest.raises(FaceLLMError, match="landmarks of 5 frames were given for a video of 8"):
        inputs_of(pair, clip, [one_face()] * 5)
    with pytest.raises(FaceLLMError, match="for 2 videos but there are 1"):
        pair.processor(
            text=[prompt(pair)], videos=[clip], do_sample_frames=False, return_tensors="pt",
            landmarks_videos=[[one_face()] * 8] * 2,
        )  # fmt: skip
    with pytest.raises(FaceLLMError, match="given without videos"):
        pair.processor(text=["hello"], landmarks_videos=[[one_face()]])
    with pytest.raises(FaceLLMError, match=r"\(faces, 68, 2\)"):
        inputs_of(pair, clip, [[np.zeros((5, 2))]] * 8)


def test_a_clip_of_a_file_with_its_people_followed(pair, tmp_path, astronaut):
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = astronaut.width, astronaut.height, "yuv420p"
        for _ in range(7):
            frame = av.VideoFrame.from_image(astronaut)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    given = clip_inputs(path, frames=4)
    assert given["videos"][0].shape == (4, astronaut.height, astronaut.width, 3)
    inputs = pair.processor(text=[prompt(pair)], return_tensors="pt", **given)
    present = inputs["landmarks_videos"][..., 0, 0] != ABSENT
    assert present.sum(1).tolist() == [1, 1] and present[:, 0].all()
    if pair.name == "qwen3_vl":
        text = pair.processor.tokenizer.decode(inputs["input_ids"][0])
        assert "<0.1 seconds>" in text and "<0.5 seconds>" in text
    else:  # 0.2 s apart, two frames a patch
        assert abs(float(inputs["second_per_grid_ts"][0]) - 0.4) < 0.01


@pytest.mark.parametrize("name", ["internvl", "llava_onevision"])
def test_families_without_a_video_path_say_so(name):
    twin = tiny.FAMILIES[name]()
    _, processor = add_face_regions(twin.model, twin.processor, finder=None)
    with pytest.raises(FaceLLMError, match="sees a video as pictures"):
        processor(text=["hello"], videos=[video(4)], landmarks_videos=[[one_face()] * 4])
