"""A prompt-guided model really looks as it is asked to, in the turn in which it is asked."""

import pytest
import torch
from drawn_faces import face_points, picture
from test_model import TOWERS, faces, prompt
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.checkpoint import check_servable
from facellm.core.errors import FaceLLMError
from facellm.model import FaceVisionConfig, build, debug_checkpoint, vision_config
from facellm.model.build import DEBUG_TEXT, train_tokenizer
from facellm.model.prompt import PromptFusion, words_of_pictures

QUESTIONS = ("What does the mouth do?", "Is it the eyes that smile?")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return debug_checkpoint(tmp_path_factory.mktemp("prompt"), prompt_guided=True)


@pytest.fixture(scope="module")
def model(checkpoint):
    return AutoModelForImageTextToText.from_pretrained(checkpoint).eval()


@pytest.fixture(scope="module")
def processor(checkpoint):
    return AutoProcessor.from_pretrained(checkpoint)


@torch.no_grad()
def seen(model, inputs):
    """What the language model is shown of every picture."""
    inner = model.model
    embeds = inner.get_input_embeddings()(inputs["input_ids"])
    shared = (inputs["landmarks"], inputs["num_views"])
    asked = inner.questions(inputs["input_ids"], embeds, inputs["attention_mask"], *shared)
    return inner.get_image_features(inputs["pixel_values"], *shared, asked).pooler_output


def talk(processor, *turns):
    """A prompt of several turns, (pictures, question) each, with answers between."""
    messages = []
    for number, (pictures, question) in enumerate(turns):
        if number:
            messages.append({"role": "assistant", "content": "A smile."})
        content = [*[{"type": "image"}] * pictures, {"type": "text", "text": question}]
        messages.append({"role": "user", "content": content})
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    count = sum(pictures for pictures, _ in turns)
    return processor(
        text=text, images=[picture(i) for i in range(count)], landmarks=[faces(1)] * count
    )


def test_another_question_is_another_look_at_patches_and_regions(model, processor):
    first, second = (
        seen(model, processor(text=prompt(processor, q), images=[picture()], landmarks=[faces(2)]))
        for q in QUESTIONS
    )
    changed = (first[0] - second[0]).abs().amax(-1)
    assert len(changed) == 2 * (processor.patch_tokens + 15)
    assert (changed > 1e-6).all()


def test_the_first_token_of_an_answer_hears_it(model, processor):
    """Through the picture alone: the language model is shown both pictures under one question."""
    inputs = [
        processor(text=prompt(processor, q), images=[picture()], landmarks=[faces(1)])
        for q in QUESTIONS
    ]
    embeds = []
    for one in inputs:
        ids = inputs[0]["input_ids"]
        shown = torch.cat(seen(model, one))
        embeds.append(model.model._place(ids, model.get_input_embeddings()(ids), shown))
    with torch.no_grad():
        logits = [model(inputs_embeds=one).logits[0, -1] for one in embeds]
    assert (logits[0] - logits[1]).abs().max() > 1e-5


def test_a_picture_is_seen_under_its_own_turn_alone(model, processor):
    base = seen(model, talk(processor, (1, QUESTIONS[0]), (1, QUESTIONS[0])))
    first = seen(model, talk(processor, (1, QUESTIONS[1]), (1, QUESTIONS[0])))
    second = seen(model, talk(processor, (1, QUESTIONS[0]), (1, QUESTIONS[1])))
    later = seen(model, talk(processor, (1, QUESTIONS[0]), (0, QUESTIONS[1])))
    for other, changed in ((first, [True, False]), (second, [False, True]), (later, [False])):
        apart = [not torch.allclose(a, b, atol=1e-6) for a, b in zip(base, other, strict=False)]
        assert apart == changed


def test_pictures_of_one_turn_share_its_question(model, processor):
    two, other = (seen(model, talk(processor, (2, q))) for q in QUESTIONS)
    assert all(not torch.allclose(a, b, atol=1e-6) for a, b in zip(two, other, strict=True))
    alone = seen(model, talk(processor, (1, QUESTIONS[0])))
    torch.testing.assert_close(alone[0], two[0])


def test_padding_and_company_change_nothing(model, processor):
    texts = [prompt(processor, q) for q in (QUESTIONS[0], QUESTIONS[1] * 3)]
    shown = {"images": [picture(0), picture(1)], "landmarks": [faces(1), faces(3)]}
    both = processor(text=texts, **shown, padding=True, padding_side="left")
    assert (both["attention_mask"] == 0).any()
    for number, found in enumerate(seen(model, both)):
        alone = processor(
            text=texts[number], images=[picture(number)], landmarks=[faces((1, 3)[number])]
        )
        torch.testing.assert_close(seen(model, alone)[0], found)


def test_generation_sees_what_a_full_pass_sees(model, processor):
    inputs = talk(processor, (1, QUESTIONS[0]), (2, QUESTIONS[1]))
    out = model.generate(**inputs, max_new_tokens=6, min_new_tokens=6)
    full = dict(inputs)
    full["input_ids"] = out[:, :-1]
    full["attention_mask"] = torch.ones_like(out[:, :-1])
    with torch.no_grad():
        again = model(**full).logits.argmax(-1)
    assert out[0, -6:].tolist() == again[0, -6:].tolist()


def test_gradients_reach_every_new_parameter(model, processor):
    inputs = processor(text=prompt(processor), images=[picture()], landmarks=[faces(1)])
    model.zero_grad()
    model(**inputs, labels=inputs["input_ids"]).loss.backward()
    grown = dict(model.model.vision.projector.prompt.named_parameters())
    assert {n.partition(".")[0] for n in grown} >= {"listen", "adapters", "keys", "channels"}
    for name, parameter in grown.items():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    model.zero_grad()


def test_with_closed_gates_it_is_the_plain_model_bit_for_bit(model, processor, tmp_path):
    plain = AutoModelForImageTextToText.from_pretrained(debug_checkpoint(tmp_path)).eval()
    assert plain.model.vision.projector.prompt is None
    state = model.state_dict()
    own = {name: state[name] for name in plain.state_dict()}
    plain.load_state_dict(own)
    inputs = talk(processor, (2, QUESTIONS[0]))
    fusion = model.model.vision.projector.prompt
    gates = [gate.detach().clone() for gate in (fusion.gate, fusion.region_gate)]
    with torch.no_grad():
        open_gates = model(**inputs).logits
        fusion.gate.zero_(), fusion.region_gate.zero_()
        closed, expected = model(**inputs).logits, plain(**inputs).logits
        fusion.gate.copy_(gates[0]), fusion.region_gate.copy_(gates[1])
    assert torch.equal(closed, expected)
    assert not torch.equal(open_gates, expected)


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize("options", [{}, {"read_out": False}, {"guidance": False}])
def test_every_tower_has_layers_to_choose_from(tower, options, tmp_path):
    layer = 3 if tower == "resnet" else -1
    vision = vision_config(
        TOWERS[tower], layer, pool=1, region_size=16, prompt_guided=True, **options
    )
    assert 1 <= len(vision.inner_layers) <= 2 and len(vision.inner_sizes) == len(
        vision.inner_layers
    )
    model, processor = build(vision, DEBUG_TEXT, train_tokenizer(["a face"], 270))
    model.eval()
    inputs = processor(text=prompt(processor), images=[picture()], landmarks=[faces(1)])
    with torch.no_grad():
        before = model(**inputs).logits
        model.save_pretrained(tmp_path)
        after = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()(**inputs).logits
    torch.testing.assert_close(before, after)


def test_which_layer_is_heard_depends_on_the_question():
    torch.manual_seed(0)
    config = FaceVisionConfig(hidden_size=12, region_size=8, inner_layers=[0], inner_sizes=[6])
    fusion = PromptFusion(config, width=10)
    levels = [torch.randn(1, 4, 6), torch.randn(1, 4, 12)]
    questions = torch.randn(2, 1, 10) * 3
    one, two = (fusion(levels, question) for question in questions)
    assert one.shape == (1, 4, 12) and (one - two).abs().max() > 0.01
    assert fusion.asked(torch.zeros(0, 10)).tolist() == [0.0] * 10


def test_words_are_those_of_the_turn_and_no_others():
    image, end, pad = 9, 2, 0
    ids = torch.tensor(
        [[pad, 3, 9, 9, 4, 2, 5, 2, 6, 9, 2, 7], [3, 9, 9, 2, 7, 7, 7, 2, 8, 8, 9, 9]]
    )
    found = words_of_pictures(ids, ids != pad, image, [end], [2, 1, 1, 1, 2])
    assert [(row, ids[row, places].tolist()) for row, places in found] == [
        (0, [3, 4]), (0, [6]), (1, [3]), (1, [3]), (1, [8, 8]),
    ]  # fmt: skip


def test_without_a_question_it_says_what_it_needs(model, processor):
    inputs = processor(text=prompt(processor), images=[picture()], landmarks=[faces(1)])
    with pytest.raises(FaceLLMError, match=r"under the question \(prompt_guided\); call it with"):
        model.get_image_features(
            pixel_values=inputs["pixel_values"],
            landmarks=inputs["landmarks"],
            num_views=inputs["num_views"],
        )


def test_evidence_maps_need_no_question(model, processor):
    points = [face_points(40, 30, 10)]
    seen = processor.image_processor(picture(), [points])
    maps = model.evidence_maps(seen["pixel_values"], seen["landmarks"])
    assert abs(float(maps[0, 0].sum()) - 15) < 1e-3


def test_servers_refuse_it(checkpoint, tmp_path):
    with pytest.raises(FaceLLMError, match="vLLM reads a picture once for all questions"):
        check_servable(checkpoint)
    check_servable(debug_checkpoint(tmp_path))
