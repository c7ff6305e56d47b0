"""GRPO on the real model: landmarks in every path, what is learned, resuming, refusals.

TRL drops tensors whose names it does not know from the loss without a word, so each path is looked
into separately, at the model's own vision module.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch
from rl_recipes import recipe
from rl_trainers import Spied, trainer_of
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import dump
from facellm.model.vision import ABSENT
from rl import run
from rl.prompts import LANDMARKS
from rl.recipe import Recipe
from rl.rollouts import ALIAS, RolloutProcessor, pack, unpack
from rl.trainer import FaceGRPOTrainer


def test_views_and_landmarks_are_packed_by_picture_and_come_out_again(checkpoint):
    processor = AutoProcessor.from_pretrained(checkpoint)
    plain = {
        "input_ids": torch.arange(3),
        "pixel_values": torch.randn(4, 3, 8, 8),
        "landmarks": torch.randint(ABSENT, 9, (4, processor.image_processor.max_faces, 68, 2)),
        "num_views": torch.tensor([1, 2, 1]),
    }
    plain["landmarks"][3] = ABSENT  # a picture without faces has a view all the same
    packed = pack(plain)
    assert packed["pixel_values"].shape[:2] == packed[ALIAS].shape[:2] == (3, 2)
    assert unpack(packed).keys() == plain.keys()
    for name, value in unpack(packed).items():
        assert torch.equal(value, plain[name]), name


def test_pictures_must_carry_their_landmarks(checkpoint, corpus, tmp_path):
    trainer = trainer_of(recipe(tmp_path, checkpoint, corpus))
    row = trainer.train_dataset[0]
    row["images"][0].info.pop(LANDMARKS)
    with pytest.raises(FaceLLMError, match="carries no landmarks"):
        trainer.processing_class(images=row["images"], text=["<|image|>"])


class SpiedFaceGRPOTrainer(Spied, FaceGRPOTrainer):
    pass


@pytest.mark.slow
def test_every_picture_has_its_own_landmarks_in_every_path(
    checkpoint, corpus, pairs, tmp_path, monkeypatch
):
    monkeypatch.setattr("rl.grpo.FaceGRPOTrainer", SpiedFaceGRPOTrainer)
    made = recipe(tmp_path, checkpoint, corpus, pairs, beta=0.1, num_iterations=2, max_steps=4)
    trainer = trainer_of(made)
    images = trainer.processing_class.image_processor
    expected = {}  # each view's pixels → its landmarks
    for index in range(len(trainer.train_dataset)):
        picture = trainer.train_dataset[index]["images"][0]
        views = images([picture], [picture.info[LANDMARKS]])
        pairs_of = zip(views["pixel_values"], views["landmarks"], strict=True)
        expected |= {pixels.numpy().tobytes(): landmarks for pixels, landmarks in pairs_of}
    assert len(expected) > len(trainer.train_dataset), "no picture has two faces"
    seen: dict[str, int] = {}

    def look(module, inputs):
        pixels, landmarks, *_ = inputs
        assert not module.training, "batch statistics would differ between paths"
        for own, points in zip(pixels, landmarks, strict=True):
            assert torch.equal(points, expected[own.numpy().tobytes()]), trainer.path
            seen[trainer.path] = seen.get(trainer.path, 0) + 1

    for model in (trainer.model, trainer.ref_model):
        model.model.vision.register_forward_pre_hook(look)
    trainer.train()
    assert seen.keys() == {"generation", "old", "reference", "loss"}
    assert seen["loss"] == 2 * seen["old"] == 2 * seen["reference"]  # two updates on the same
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[0]["kl"] == pytest.approx(0, abs=1e-6)  # the reference is the start model


@pytest.mark.slow
def test_wrong_landmarks_change_the_loss(checkpoint, corpus, tmp_path):
    trainer = trainer_of(recipe(tmp_path, checkpoint, corpus, num_iterations=2))
    # Random weights hardly listen to what is seen; these do.
    for parameter in trainer.model.model.vision.projector.told.parameters():
        parameter.data *= 10
    rows = [trainer.train_dataset[index] for index in (0, 0, 0, 0, 1, 1, 1, 1)]
    trainer.model.train()
    trainer.model.model.vision.eval()
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._generate_and_score_completions(rows)
    batch["advantages"] = torch.linspace(-1, 1, len(rows))
    right = trainer._compute_loss(trainer.model, batch)
    # The answers are as likely as when they were given, so that the ratio is 1.
    mean = -(batch["advantages"]).mean()
    assert right.item() == pytest.approx(mean.item(), abs=1e-6)
    moved = batch | {ALIAS: torch.where(batch[ALIAS] > ABSENT, batch[ALIAS] + 2000, batch[ALIAS])}
    swapped = batch | {ALIAS: batch[ALIAS].flip(0)}
    for wrong in (moved, swapped):
        assert abs(trainer._compute_loss(trainer.model, wrong).item() - right.item()) > 1e-5
    with pytest.raises(FaceLLMError, match="without its landmarks"):
        trainer._compute_loss(trainer.model, {k: v for k, v in batch.items() if k != ALIAS})


def changed(folder: Path, start: Path) -> tuple[set[str], dict[str, torch.Tensor]]:
    """Names of the weights that a run changed, and all of them; checkpoints are in float16."""
    end = AutoModelForImageTextToText.from_pretrained(folder).state_dict()
    before = AutoModelForImageTextToText.from_pretrained(start).state_dict()
    assert end.keys() == before.keys()
    half = {name: value.half().to(end[name].dtype) for name, value in before.items()}
    return {name for name in end if not torch.equal(end[name], half[name])}, end


def write(made: Recipe, path: Path) -> Path:
    path.write_text(dump(made))
    return path


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(checkpoint, corpus, tmp_path):
    folder = tmp_path / "run"
    path = write(recipe(folder, checkpoint, corpus, max_steps=4), tmp_path / "r.yaml")
    run(path)
    log = (folder / "log.jsonl").read_text()
    learned, whole = changed(folder / "model", checkpoint)
    assert any(".language_model." in name for name in learned)
    assert not any("vision_tower" in name or "region_encoder" in name for name in learned)

    shutil.rmtree(folder / "model")
    shutil.rmtree(folder / "checkpoints/checkpoint-4")
    run(path)
    again = AutoModelForImageTextToText.from_pretrained(folder / "model").state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)

    def rewards(text: str) -> list[float]:
        return [json.loads(line)["reward"] for line in text.splitlines()]

    assert rewards((folder / "log.jsonl").read_text()) == rewards(log)
    assert len(set(rewards(log))) > 1
    with pytest.raises(FaceLLMError, match="differs in max_steps"):
        run(path, ["max_steps=5"])


@pytest.mark.slow
def test_adapters_are_merged_into_a_model_that_loads(checkpoint, corpus, tmp_path):
    folder = tmp_path / "run"
    made = recipe(
        folder, checkpoint, corpus, max_steps=1, lora={"rank": 2}, algorithm="gspo", beta=0.04,
        train=["language_model"], learning_rate=0.1,
    )  # fmt: skip
    learned, _ = changed(run(write(made, tmp_path / "r.yaml")), checkpoint)
    assert learned and all(name.endswith("proj.weight") for name in learned)
    assert all("language_model" in name for name in learned)
    config = json.loads((folder / "model/config.json").read_text())
    assert config.get("use_cache", True), "the trainer's own settings stay behind"
    (row,) = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    wanted = {"reward", "rewards/length/mean", "parse_failures", "zero_advantage", "entropy", "kl",
              "completions/mean_length", "same_answer", "same_evidence", "loss"}  # fmt: skip
    assert wanted <= row.keys()
    assert (folder / "curves.png").is_file() and (folder / "completions.jsonl").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"check": {"prompts": 2}}, "only 0% of the start model's answers can be read"),
        ({"check": {"prompts": 2, "parsed": 0}, "rubric": {"format": 1}}, "nothing to learn from"),
    ],
)
def test_a_model_that_cannot_be_reinforced_is_refused_before_the_run(
    options, complaint, checkpoint, corpus, tmp_path
):
    made = recipe(tmp_path / "run", checkpoint, corpus, **options)
    with pytest.raises(FaceLLMError, match=complaint) as error:
        run(write(made, tmp_path / "r.yaml"))
    assert "\n" not in str(error.value)


def test_rewards_and_tasks_need_their_labels(checkpoint, emotions, tmp_path):
    made = recipe(tmp_path, checkpoint, emotions, tasks={"expression": 1}, rubric={"au_f1": 1})
    with pytest.raises(FaceLLMError, match=r"rubric\.au_f1: none of 4 prompts has the labels"):
        trainer_of(made)
    with pytest.raises(FaceLLMError, match="no label that task reasoning asks about"):
        trainer_of(recipe(tmp_path, checkpoint, emotions))


def test_prompts_are_drawn_from_their_number_alone(checkpoint, corpus, pairs, tmp_path):
    trainer = trainer_of(recipe(tmp_path, checkpoint, corpus, pairs))
    first, again = trainer.train_dataset[3], trainer.train_dataset[3]
    assert first["truth"] == again["truth"] and first["prompt"] == again["prompt"]
    rows = [trainer.train_dataset[i] for i in range(4)]
    assert len({row["truth"] for row in rows}) == 4
    processor = trainer.processing_class
    assert isinstance(processor, RolloutProcessor)
    asked = processor(images=[r["images"] for r in rows], text=["<|image|> ?"] * 4, padding=True)
    tokens = (asked["input_ids"] == processor.image_token_id).sum(1)
    faces = torch.tensor([len(row["images"][0].info[LANDMARKS]) for row in rows])
    # A view a face: its patches, and its own region tokens.
    assert torch.equal(tokens, faces * (processor.patch_tokens + processor.face_tokens))
