"""DPO on the real model: landmarks in policy and reference, what is learned, resuming, reports.

Answers are scripted, since a debug model says nothing that can be read; all else is real. TRL drops
what it does not know without a word, so each pass is looked into at the model's own vision module.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch
from preference_runs import RIGHT, WRONG, in_sets, preferences, scripted, tone
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import dump
from facellm.model.vision import ABSENT
from rl import run
from rl.preferences import pairs as pairing
from rl.preferences.pairs import make_pairs
from rl.preferences.run import make_trainer
from rl.preferences.trainer import FaceDPOTrainer

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _right_and_wrong(monkeypatch):
    monkeypatch.setattr(pairing, "Answerer", scripted(lambda sample, n: RIGHT if n % 2 else WRONG))


def trainer_of(made) -> FaceDPOTrainer:
    folder = made.model_name_or_path
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    rows = make_pairs(made, folder)
    return make_trainer(made, rows, model, AutoProcessor.from_pretrained(folder))


def batch_of(trainer: FaceDPOTrainer) -> dict[str, torch.Tensor]:
    return next(iter(trainer.get_train_dataloader()))


def test_every_picture_has_its_own_landmarks_in_policy_and_reference(
    checkpoint, corpus, pairs, tmp_path
):
    made = preferences(tmp_path, checkpoint, corpus, pairs, pairs={"prompts": 6, "answers": 2})
    trainer = trainer_of(made)
    rows, processor = trainer.data_collator.rows, trainer.data_collator.processor
    expected = {}  # each view's pixels → its landmarks
    for row in rows:
        views = trainer.data_collator([dict(trainer.train_dataset[rows.index(row)])])
        pairs_of = zip(views["pixel_values"], views["landmarks"], strict=True)
        expected |= {pixels.numpy().tobytes(): landmarks for pixels, landmarks in pairs_of}
    assert len(expected) > len({row["sample"] for row in rows}), "no picture has two faces"
    seen: dict[bool, int] = {}

    def look(module, inputs):
        assert not module.training, "batch statistics would differ between the passes"
        for own, points in zip(*inputs[:2], strict=True):
            assert torch.equal(points, expected[own.numpy().tobytes()])
            grad = torch.is_grad_enabled()
            seen[grad] = seen.get(grad, 0) + 1

    trainer.model.model.vision.register_forward_pre_hook(look)
    batch = batch_of(trainer)
    with torch.no_grad():
        trainer.compute_ref_log_probs(trainer.model, batch)
    trainer.compute_loss(trainer.model, batch)
    assert seen[True] == seen[False] >= 4, "two pairs are four sequences, each with its picture"
    # Chosen first, then rejected, each behind the same prompt and with the end of turn.
    told = [
        processor.tokenizer.decode(ids[mask.bool()])
        for ids, mask in zip(batch["input_ids"], batch["completion_mask"], strict=True)
    ]
    end = processor.tokenizer.eos_token
    assert told == [RIGHT + end] * 2 + [WRONG + end] * 2
    prompts = [
        ids[attended.bool() & ~mask.bool()]
        for ids, attended, mask in zip(
            batch["input_ids"], batch["attention_mask"], batch["completion_mask"], strict=True
        )
    ]
    assert torch.equal(prompts[0], prompts[2]) and torch.equal(prompts[1], prompts[3])


def test_the_reference_is_the_start_model_and_landmarks_count(checkpoint, corpus, tmp_path):
    trainer = trainer_of(preferences(tmp_path, checkpoint, corpus))
    batch = batch_of(trainer)
    assert trainer.ref_model is None, "no second model is held"
    with torch.no_grad():
        right = torch.stack(trainer.compute_ref_log_probs(trainer.model, batch))
    kept = torch.stack([batch["ref_chosen_logps"], batch["ref_rejected_logps"]])
    assert torch.allclose(kept, right, atol=1e-4)
    loss = trainer.compute_loss(trainer.model, batch)
    assert loss.item() == pytest.approx(torch.tensor(2.0).log().item(), abs=1e-5)
    landmarks = batch["landmarks"]
    moved = torch.where(landmarks > ABSENT, landmarks + 2000, landmarks)
    for wrong in (moved, landmarks.flip(0)):
        with torch.no_grad():
            off = trainer.compute_ref_log_probs(trainer.model, batch | {"landmarks": wrong})
        # Random weights hardly listen to what is seen, but far beyond rounding.
        assert (torch.stack(off) - right).abs().max() > 1e-5
        assert trainer.compute_loss(trainer.model, batch | {"landmarks": wrong}) != loss
    bare = {name: value for name, value in batch.items() if name != "landmarks"}
    with pytest.raises(FaceLLMError, match="without its landmarks"):
        trainer.compute_loss(trainer.model, bare)
    with torch.no_grad():
        trainer.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(FaceLLMError, match="the last checkpoint is untouched: lower learning_rate"):
        trainer.compute_loss(trainer.model, batch)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return AutoModelForImageTextToText.from_pretrained(folder).state_dict()


def log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def write(made, path: Path) -> Path:
    path.write_text(dump(made))
    return path


def test_a_killed_run_goes_on_as_if_nothing_had_happened(checkpoint, corpus, tmp_path):
    folder = tmp_path / "run"
    made = preferences(folder, checkpoint, corpus, max_steps=4, sft_weight=0.1)
    path = write(made, tmp_path / "r.yaml")
    run(path)
    first, whole = log(folder), weights(folder / "model")
    assert first[-1]["rewards/margins"] > first[0]["rewards/margins"]
    assert first[-1]["rewards/accuracies"] == 1
    before = weights(checkpoint)
    changed = {n for n in whole if not torch.equal(whole[n], before[n].half().to(whole[n].dtype))}
    assert any(".language_model." in name for name in changed)
    assert not any("vision_tower" in name or "region_encoder" in name for name in changed)
    assert (folder / "curves.png").is_file() and (folder / "pairs.jsonl").is_file()

    shutil.rmtree(folder / "model")
    shutil.rmtree(folder / "checkpoints/checkpoint-4")
    run(path)
    again = weights(folder / "model")
    assert all(torch.allclose(whole[name], again[name], atol=1e-4) for name in whole)
    margins = [[row["rewards/margins"] for row in rows] for rows in (first, log(folder))]
    assert margins[0] == pytest.approx(margins[1], rel=1e-3, abs=1e-6)
    with pytest.raises(FaceLLMError, match="differs in beta"):
        run(path, ["beta=0.2"])


def test_adapters_are_merged_and_groups_are_reported(checkpoint, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(
        pairing, "Answerer", scripted(lambda sample, n: RIGHT if tone(sample) == "dark" else WRONG)
    )
    sets, folder = in_sets(corpus, tmp_path / "sets"), tmp_path / "run"
    made = preferences(
        folder, checkpoint, sets, max_steps=1, lora={"rank": 2}, train=["language_model"],
        pairs={"of": "groups", "answers": 1, "temperature": 0}, learning_rate=0.1, evaluate=2,
    )  # fmt: skip
    end, before = weights(run(write(made, tmp_path / "r.yaml"))), weights(checkpoint)
    assert end.keys() == before.keys()
    changed = {n for n in end if not torch.equal(end[n], before[n].half().to(end[n].dtype))}
    assert changed and all("language_model" in name and "proj" in name for name in changed)
    report = json.loads((folder / "report.json").read_text())
    assert report["sets"]["expression"]["score"]["difference"]["n"] == 2
    fair = json.loads((folder / "fairness.json").read_text())["sets"]["expression"]
    assert fair["spread"]["skin"]["start"]["n"] == 2
    assert {one["label"] for one in fair["end"]} == {"skin"}
    assert "`start` read some groups worse" in (folder / "fairness.md").read_text()
