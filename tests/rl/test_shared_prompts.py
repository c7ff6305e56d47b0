"""Prompts read once: the answers, likelihoods, losses and gradients of reading every copy."""

from pathlib import Path

import pytest
import torch
from rl_recipes import recipe
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.model import FaceLLMForConditionalGeneration
from rl.decode import Choice, draw
from rl.grpo import make_trainer
from rl.prefix import distinct, picked, shares
from rl.rollouts import unpack
from rl.trainer import FaceGRPOTrainer

COPIES = (0, 1, 0, 2, 1, 0, 3, 3)
"""Prompts of eight rows, in no order."""


def loaded(folder: Path) -> FaceLLMForConditionalGeneration:
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)


def trainer_of(folder: Path, checkpoint: Path, *corpora: Path, **options) -> FaceGRPOTrainer:
    made = recipe(folder, checkpoint, *corpora, **options)
    return make_trainer(made, loaded(checkpoint), AutoProcessor.from_pretrained(checkpoint))


def asked(trainer: FaceGRPOTrainer) -> dict[str, torch.Tensor]:
    """Eight rows that ask four prompts, of pictures with one face and with two."""
    rows = [trainer.prompts[number] for number in COPIES]
    text = "<|image|>What does face {} look like?"
    longer = [text.format(1) + " Say why." * number for number in COPIES]
    packed = trainer.processing_class(
        images=[row["images"] for row in rows], text=longer, padding=True
    )
    return dict(unpack(packed))


@pytest.fixture
def trainer(checkpoint, corpus, pairs, tmp_path):
    made = trainer_of(tmp_path, checkpoint, corpus, pairs, seed=3)
    made.model.eval()
    with torch.no_grad():  # what random weights say depends on what is shown, if they are large
        for name, parameter in made.model.named_parameters():
            if parameter.ndim > 1 and "embed" not in name:
                parameter.mul_(3.0)
    return made


def test_rows_are_alike_where_ids_pixels_and_landmarks_are(trainer):
    inputs = asked(trainer)
    assert set(inputs["num_views"].tolist()) == {1, 2}, "faces are not of both corpora"
    prompts = distinct(inputs, [1] * 8)
    assert prompts.of.tolist() == [0, 1, 0, 2, 1, 0, 3, 3]
    again = picked(prompts.inputs, prompts.pictures, prompts.of.tolist())
    assert again.keys() == inputs.keys()
    for name, value in again.items():
        assert torch.equal(value, inputs[name]), name
    # Each of the three makes a prompt another one.
    view = int(inputs["num_views"][:2].sum())  # the first of row 2
    for name, place in (("pixel_values", view), ("landmarks", view), ("input_ids", 2)):
        changed = inputs[name].clone()
        changed[place].view(-1)[-1] += 1
        assert distinct(inputs | {name: changed}, [1] * 8).of.tolist() == [0, 1, 2, 3, 1, 0, 4, 4]


@pytest.mark.parametrize("tokens", [1, 40])
def test_the_likeliest_answers_are_those_of_generate(trainer, tokens):
    inputs = asked(trainer)
    usual = trainer.model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    usual = usual[:, inputs["input_ids"].shape[1] :]
    # Tokens that some rows say early and others late: rows end one by one.
    stops = sorted({int(usual[0, tokens // 8]), int(usual[3, tokens // 2])})
    found = draw(trainer.model, inputs, [1] * 8, Choice(tokens, stops, temperature=0))
    for own, row in zip(found, usual.tolist(), strict=True):
        end = next((n + 1 for n, token in enumerate(row) if token in stops), tokens)
        assert own == row[:end]
    assert tokens == 1 or len({len(own) for own in found}) > 1
    assert trainer.model.config.get_text_config()._attn_implementation == "sdpa"


def test_tokens_are_drawn_as_often_as_they_are_likely():
    torch.manual_seed(0)
    chances = torch.tensor([0.0, 0.5, 0.3, 0.15, 0.05, 0.0])
    logits = chances.log().expand(20_000, 6)

    def shares_of(**options) -> list[float]:
        drawn = Choice(1, (), **options).tokens(logits.clone())
        return (torch.bincount(drawn, minlength=6) / len(drawn)).tolist()

    # Three standard deviations of a share of one half are 0.011.
    assert shares_of() == pytest.approx(chances.tolist(), abs=0.011)
    sharp = chances.square() / chances.square().sum()
    assert shares_of(temperature=0.5) == pytest.approx(sharp.tolist(), abs=0.011)
    assert shares_of(top_p=0.7) == pytest.approx([0, 0.625, 0.375, 0, 0, 0], abs=0.011)
    assert shares_of(never=[1]) == pytest.approx([0, 0, 0.6, 0.3, 0.1, 0], abs=0.011)
    assert shares_of(temperature=0) == [0, 1, 0, 0, 0, 0]


def batch_of(trainer: FaceGRPOTrainer, advantages: list[float]) -> dict[str, torch.Tensor]:
    """What TRL hands to the loss: answers of different lengths, one of them left out as cut."""
    trainer.model.train()
    trainer.model.model.vision.eval()
    trainer.current_gradient_accumulation_steps = 1
    torch.manual_seed(1)
    batch = trainer._generate_and_score_completions([trainer.prompts[n] for n in COPIES])
    lengths = torch.tensor([1, 30, 7, 64, 12, 64, 3, 40])
    batch["completion_mask"] = (torch.arange(64) < lengths[:, None]).long()
    batch["completion_mask"][5] = 0
    batch["advantages"] = torch.tensor(advantages)
    return batch


def learned(trainer: FaceGRPOTrainer, batch: dict[str, torch.Tensor]):
    trainer.model.zero_grad()
    loss = trainer._compute_loss(trainer.model, batch)
    loss.backward()
    named = trainer.model.named_parameters()
    return loss.item(), trainer.latest, {name: p.grad for name, p in named if p.grad is not None}


SOME = [1.0, -0.5, 0.3, 0.0, -0.5, 0.2, 0.0, 0.0]
ALL = [1.0, -0.5, 0.3, 0.7, -0.5, 0.2, -1.0, 0.4]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "advantages"),
    [
        ({}, ALL),
        ({}, SOME),
        ({}, [0.0] * 8),
        ({"beta": 0.1, "algorithm": "dapo"}, SOME),
        ({"num_iterations": 2, "algorithm": "gspo"}, SOME),
        ({"train": ["region_encoder", "projector", "language_model"]}, ALL),
        ({"train": ["language_model"], "lora": {"rank": 2}, "temperature": 0.7}, ALL),
    ],
)
def test_losses_and_gradients_are_those_of_whole_rows(
    options, advantages, checkpoint, corpus, pairs, tmp_path
):
    trainer = trainer_of(tmp_path, checkpoint, corpus, pairs, seed=3, **options)
    batch = batch_of(trainer, advantages)
    if "old_per_token_logps" in batch:  # as after a first update on the same answers
        batch["old_per_token_logps"] += torch.linspace(-0.3, 0.3, 64)
    views = []
    vision = trainer.model.model.vision
    vision.register_forward_pre_hook(lambda _, inputs: views.append(len(inputs[0])))
    loss, logps, gradients = learned(trainer, batch)
    shown = sum(views)
    views.clear()
    trainer.sharing = False
    plain_loss, plain_logps, plain = learned(trainer, batch)
    assert shown < sum(views), "copies of a picture were looked at"
    assert loss == pytest.approx(plain_loss, rel=1e-6, abs=2e-6)  # rel: dapo's is some 50
    told = batch["completion_mask"].bool()
    torch.testing.assert_close(logps[told], plain_logps[told], rtol=0, atol=2e-5)
    assert gradients.keys() == plain.keys()
    most = max(float(value.abs().max()) for value in plain.values())
    assert (most > 1e-3) == any(advantages)
    for name, value in plain.items():
        torch.testing.assert_close(gradients[name], value, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.slow
def test_old_likelihoods_are_those_of_whole_rows(checkpoint, corpus, pairs, tmp_path):
    trainer = trainer_of(tmp_path, checkpoint, corpus, pairs, num_iterations=2, beta=0.1)
    torch.manual_seed(2)
    batch = trainer._generate_and_score_completions([trainer.prompts[n] for n in COPIES])
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    names = ("pixel_values", "num_images", "image_position_ids")
    trainer.sharing = False
    told = batch["completion_mask"].bool()
    for name, model in (("old", trainer.model), ("ref", trainer.ref_model)):
        with torch.no_grad():
            plain, _, _ = trainer._get_per_token_logps_and_entropies(
                model, ids, mask, told.shape[1], **{name: batch[name] for name in names}
            )
        shared = batch[f"{name}_per_token_logps"]
        torch.testing.assert_close(shared[told], plain[told], rtol=0, atol=2e-5)


def test_checkpointed_layers_keep_nothing_of_a_prompt(trainer):
    assert shares(trainer.model)
    trainer.model.gradient_checkpointing_enable()
    assert shares(trainer.model), "layers at rest keep what they read"
    trainer.model.train()
    assert not shares(trainer.model)
    assert not shares(trainer.model.model)
