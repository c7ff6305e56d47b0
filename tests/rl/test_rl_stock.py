"""GRPO of a stock model with face regions: its region encoder is looked at in every path."""

import importlib.util
import json
from functools import wraps
from pathlib import Path

import pytest
import torch
from rl_recipes import recipe
from rl_trainers import Spied, trainer_of
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import dump
from facellm.model.vision import ABSENT
from facellm.stock import add_face_regions
from facellm.stock.model import TRL_NAME
from facellm.stock.qwen import FaceQwenModel
from rl import run
from rl.prompts import LANDMARKS
from rl.stock import StockGRPOTrainer, start_folder

TINY = Path(__file__).parents[1] / "stock/tiny.py"
LEARNING = ["region_encoder", "language_model"]


@pytest.fixture(scope="session")
def stock(tmp_path_factory):
    """A tiny Qwen3-VL with an open region encoder, as it is saved."""
    spec = importlib.util.spec_from_file_location("tiny_stock", TINY)
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    twin = tiny.qwen3_vl()
    model, processor = add_face_regions(twin.model, twin.processor, finder=None)
    tiny.open_gate(model)
    folder = tmp_path_factory.mktemp("stock") / "qwen3_vl"
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def recipe_of(folder, stock, *corpora, **options):
    return recipe(folder, stock, *corpora, **{"train": LEARNING, **options})


class SpiedStockGRPOTrainer(Spied, StockGRPOTrainer):
    pass


@pytest.mark.slow
def test_every_picture_has_its_own_landmarks_in_every_path(
    stock, corpus, pairs, tmp_path, monkeypatch
):
    monkeypatch.setattr("rl.stock.StockGRPOTrainer", SpiedStockGRPOTrainer)
    trainer = trainer_of(
        recipe_of(tmp_path, stock, corpus, pairs, beta=0.1, num_iterations=2, max_steps=2)
    )
    expected = {}  # each picture's patches → its landmarks
    for number in range(len(trainer.prompts)):
        picture = trainer.prompts[number]["images"][0]
        seen = trainer.processing_class(images=[picture], text=["<|image_pad|>"])
        assert len(picture.info[LANDMARKS]) == int((seen[TRL_NAME][0, :, 0, 0] != ABSENT).sum())
        expected[torch.as_tensor(seen["pixel_values"]).numpy().tobytes()] = seen[TRL_NAME][0]
    shown: dict[str, int] = {}

    see = FaceQwenModel.get_image_features

    @wraps(see)  # generate() asks the signature what to hand over
    def look(model, pixel_values, image_grid_thw=None, **inputs):
        given = [inputs.get("landmarks"), inputs.get(TRL_NAME), model._given.get("image")]
        points = next(one for one in given if one is not None)
        parts = pixel_values.split(image_grid_thw.prod(-1).tolist())
        for own, face in zip(parts, points, strict=True):
            assert torch.equal(face, expected[own.numpy().tobytes()]), trainer.path
            shown[trainer.path] = shown.get(trainer.path, 0) + 1
        return see(model, pixel_values, image_grid_thw, **inputs)

    monkeypatch.setattr(FaceQwenModel, "get_image_features", look)
    guided: set[str] = set()
    for model in (trainer.model, trainer.ref_model):
        model.model.region_encoder.register_forward_hook(lambda *_: guided.add(trainer.path))
    trainer.train()
    assert shown.keys() == guided == {"generation", "old", "reference", "loss"}
    assert shown["loss"] == 2 * shown["old"] == 2 * shown["reference"]
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[0]["kl"] == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_a_step_moves_what_learns_and_the_model_loads(stock, corpus, tmp_path):
    made = recipe_of(tmp_path / "run", stock, corpus, max_steps=1, learning_rate=0.1)
    (tmp_path / "r.yaml").write_text(dump(made))
    folder = run(tmp_path / "r.yaml")
    end = AutoModelForImageTextToText.from_pretrained(folder).state_dict()
    before = AutoModelForImageTextToText.from_pretrained(stock).state_dict()
    assert end.keys() == before.keys()
    moved = {n for n in end if not torch.equal(end[n], before[n].half().to(end[n].dtype))}
    assert any("region_encoder" in name for name in moved)
    assert any("language_model" in name for name in moved)
    assert not [name for name in moved if ".visual." in name and "embed" not in name]
    assert AutoProcessor.from_pretrained(folder).landmarks_name == "landmarks"


@pytest.mark.slow
def test_wrong_landmarks_change_the_loss(stock, corpus, tmp_path):
    trainer = trainer_of(recipe_of(tmp_path, stock, corpus, num_iterations=2))
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    rows = [trainer.prompts[number] for number in (0, 0, 0, 0, 1, 1, 1, 1)]
    batch = trainer._generate_and_score_completions(rows)
    batch["advantages"] = torch.linspace(-1, 1, len(rows))
    right = trainer._compute_loss(trainer.model, batch).item()
    swapped = batch | {TRL_NAME: batch[TRL_NAME].flip(0)}
    assert abs(trainer._compute_loss(trainer.model, swapped).item() - right) > 1e-6
    with pytest.raises(FaceLLMError, match="without its landmarks"):
        trainer._compute_loss(trainer.model, {k: v for k, v in batch.items() if k != TRL_NAME})


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"evaluate": 5}, "set evaluate to 0"),
        ({"rollouts": "vllm"}, "drawn by rollouts transformers"),
        ({"rubric": {"looked": 1, "length": {"free": 1}}}, "our own model's attention"),
    ],
)
def test_what_is_made_for_our_own_model_is_refused(options, complaint, stock, corpus, tmp_path):
    with pytest.raises(FaceLLMError, match=complaint):
        trainer_of(recipe_of(tmp_path, stock, corpus, **options))


def test_other_families_are_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "facellm_internvl"}')
    with pytest.raises(FaceLLMError, match="facellm_internvl; of stock models"):
        start_folder(tmp_path)
    with pytest.raises(FaceLLMError, match="no model folder"):
        start_folder(tmp_path / "nowhere")
