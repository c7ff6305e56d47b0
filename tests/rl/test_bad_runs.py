"""Runs that must stop: one line that says why, and the checkpoint before it as it was."""

import pytest
import torch
from rl_recipes import recipe
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from rl.grpo import make_trainer


def trainer_of(checkpoint, made):
    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32)
    return make_trainer(made, model, AutoProcessor.from_pretrained(checkpoint))


@pytest.mark.slow
def test_a_gradient_that_is_not_finite_reaches_no_weight(checkpoint, corpus, tmp_path):
    made = recipe(tmp_path, checkpoint, corpus, max_steps=3, save_steps=1)
    trainer = trainer_of(checkpoint, made)
    weight = trainer.model.model.language_model.norm.weight
    weight.register_hook(lambda g: g * torch.nan if trainer.state.global_step == 1 else g)
    with pytest.raises(FaceLLMError, match="a gradient is not finite at step 1; the last") as error:
        trainer.train()
    assert "\n" not in str(error.value)
    assert all(torch.isfinite(value).all() for value in trainer.model.state_dict().values())
    folder = tmp_path / "checkpoints"
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-1"]
    kept = load_file(folder / "checkpoint-1/model.safetensors")
    assert all(torch.isfinite(value).all() for value in kept.values())


@pytest.mark.slow
def test_answers_that_all_earn_the_same_end_a_run(checkpoint, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("rl.watched.FLAT_ROUNDS", 2)
    made = recipe(tmp_path, checkpoint, corpus, max_steps=5, rubric={"format": 1})
    trainer = trainer_of(checkpoint, made)
    with pytest.raises(FaceLLMError, match="for 2 rounds all answers to a prompt have earned"):
        trainer.train()
    assert trainer.state.global_step == 1


@pytest.mark.slow
def test_a_model_that_is_not_finite_says_so(checkpoint, corpus, tmp_path):
    trainer = trainer_of(checkpoint, recipe(tmp_path, checkpoint, corpus))
    with torch.no_grad():
        trainer.model.model.language_model.norm.weight[0] = torch.nan
    with pytest.raises(FaceLLMError, match="some weight is not finite"):
        trainer.answers([trainer.prompts[0]])
