"""The whole model: loading, generation, the branch at inference, other backbones."""

import subprocess
import sys

import pytest
import torch
from drawn_faces import face_points, picture
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.core.regions import REGIONS
from facellm.model import FaceLLMConfig, build, vision_config
from facellm.model.build import DEBUG_TEXT, DEBUG_TOWER, train_tokenizer

TOWERS = {
    "vit": DEBUG_TOWER,
    "resnet": {"layers": [1, 1, 1, 1], "width": 16, "head_width": 64, "image_size": 64},
    "timm": {"timm_model_name": "test_vit", "image_size": 160, "timm_pool": "avg"},
}
TEXTS = {
    "qwen3": DEBUG_TEXT,
    "llama": {
        "model_type": "llama", "hidden_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 64,
    },
    "gpt2": {"model_type": "gpt2", "n_embd": 32, "n_layer": 1, "n_head": 2},
}  # fmt: skip


def prompt(processor, question="Describe face 1.", pictures=1):
    content = [*[{"type": "image"}] * pictures, {"type": "text", "text": question}]
    return processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )


def faces(count):
    return [face_points(20 + 25 * i, 30, 10, seed=i) for i in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_generates_for_any_number_of_faces(model, processor, count):
    inputs = processor(text=prompt(processor), images=[picture()], landmarks=[faces(count)])
    views = max(1, count)
    assert inputs["pixel_values"].shape[0] == views
    expected = views * processor.patch_tokens + count * len(REGIONS)
    assert (inputs["input_ids"] == model.config.image_token_id).sum() == expected
    out = model.generate(**inputs, max_new_tokens=4)
    assert out.shape[1] == inputs["input_ids"].shape[1] + 4


def test_landmarks_reach_the_answer_at_inference(model, processor):
    """Face-LLaVA's public inference never uses its landmarks; here they must change the logits."""
    logits = []
    for points in (face_points(40, 30, 10), face_points(40, 30, 10, seed=5) * [1, 1.1]):
        inputs = processor(
            text=prompt(processor), images=[picture()], landmarks=[[face_points(40, 30, 10)]]
        )
        other = processor.image_processor(picture(), [[points]])
        inputs["landmarks"] = other["landmarks"]
        with torch.no_grad():
            logits.append(model(**inputs).logits[0, -1])
    assert (logits[0] - logits[1]).abs().max() > 1e-4


def test_generation_from_the_cache_equals_a_full_pass(model, processor):
    inputs = processor(text=prompt(processor), images=[picture()], landmarks=[faces(2)])
    out = model.generate(**inputs, max_new_tokens=6, min_new_tokens=6)
    full = dict(inputs)
    full["input_ids"] = out[:, :-1]
    full["attention_mask"] = torch.ones_like(out[:, :-1])
    with torch.no_grad():
        again = model(**full).logits.argmax(-1)
    assert out[0, -6:].tolist() == again[0, -6:].tolist()


def test_a_batch_of_unequal_pictures_answers_as_each_alone(model, processor):
    pictures, landmarks = [picture(i) for i in range(3)], [faces(0), faces(1), faces(3)]
    single = []
    for image, points in zip(pictures, landmarks, strict=True):
        inputs = processor(text=prompt(processor), images=[image], landmarks=[points])
        single.append(model.generate(**inputs, max_new_tokens=5)[0, -5:].tolist())
    inputs = processor(
        text=[prompt(processor)] * 3, images=pictures, landmarks=landmarks,
        padding=True, padding_side="left",
    )  # fmt: skip
    assert model.generate(**inputs, max_new_tokens=5)[:, -5:].tolist() == single


def test_saved_and_loaded_is_the_same_model(model, processor, tmp_path):
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    again = AutoProcessor.from_pretrained(tmp_path)
    inputs = processor(text=prompt(processor), images=[picture()], landmarks=[faces(2)])
    same = again(text=prompt(again), images=[picture()], landmarks=[faces(2)])
    assert all(torch.equal(inputs[key], same[key]) for key in inputs)
    with torch.no_grad():
        assert torch.equal(model(**inputs).logits, loaded(**same).logits)


def test_evidence_maps_are_distributions_in_the_faces_slots(model, processor):
    inputs = processor.image_processor(picture(), [faces(2)])
    maps = model.evidence_maps(inputs["pixel_values"], inputs["landmarks"])
    assert maps.shape[:3] == (2, 8, len(REGIONS))
    sums = maps.sum((-1, -2))
    torch.testing.assert_close(sums[0, 0], torch.ones(len(REGIONS)))
    torch.testing.assert_close(sums[1, 1], torch.ones(len(REGIONS)))
    assert sums[0, 1:].eq(0).all() and sums[1, 0].eq(0).all()


def test_loss_counts_answers_and_reaches_the_vision_part(checkpoint, processor):
    model = AutoModelForImageTextToText.from_pretrained(checkpoint)
    inputs = processor(text=prompt(processor), images=[picture()], landmarks=[faces(2)])
    labels = torch.full_like(inputs["input_ids"], -100)
    labels[0, -3:] = inputs["input_ids"][0, -3:]
    model(**inputs, labels=labels).loss.backward()
    unused = {"vision.region_encoder.tokens.face"}
    for name, parameter in model.model.named_parameters():
        if "embed_tokens" in name or name in unused:
            continue
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_a_prompt_that_lost_image_tokens_is_refused(model, processor):
    inputs = processor(text=prompt(processor), images=[picture()], landmarks=[faces(1)])
    inputs["input_ids"] = inputs["input_ids"][:, -22:]
    inputs["attention_mask"] = inputs["attention_mask"][:, -22:]
    with pytest.raises(FaceLLMError, match="do not truncate"):
        model(**inputs)


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize("text", TEXTS)
def test_any_tower_with_any_language_model(tower, text, tmp_path):
    layer = 3 if tower == "resnet" else -1
    vision = vision_config(TOWERS[tower], layer, pool=1, region_size=16)
    model, processor = build(vision, TEXTS[text], train_tokenizer(["a face"], 270))
    model.eval()
    inputs = processor(text=prompt(processor), images=[picture()], landmarks=[faces(1)])
    with torch.no_grad():
        before = model(**inputs).logits
        model.save_pretrained(tmp_path)
        after = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()(**inputs).logits
    torch.testing.assert_close(before, after)


def test_an_unknown_tower_or_language_model_is_one_line():
    with pytest.raises(FaceLLMError, match="cannot build the vision tower"):
        vision_config({"no_such_key": 1})
    with pytest.raises(FaceLLMError, match="unknown to transformers"):
        build(vision_config(DEBUG_TOWER), {"model_type": "nope"}, train_tokenizer(["a"], 260))


@pytest.mark.slow
def test_loads_in_a_fresh_process_without_remote_code(checkpoint):
    code = (
        "import facellm.model; from transformers import AutoModelForImageTextToText as M, "
        f"AutoProcessor as P; print(type(M.from_pretrained({str(checkpoint)!r})).__name__, "
        f"type(P.from_pretrained({str(checkpoint)!r})).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["FaceLLMForConditionalGeneration", "FaceLLMProcessor"]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_tempers_nothing_is_refused(temperature):
    with pytest.raises(FaceLLMError, match=r"expression_temperature is .*; expected more than 0"):
        FaceLLMConfig(expression_temperature=temperature)
