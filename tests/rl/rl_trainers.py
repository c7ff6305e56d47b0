"""Trainers of recipes, and a look into TRL's paths, for our own model and for stock ones."""

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from rl.grpo import make_trainer
from rl.recipe import Recipe
from rl.stock import start_folder
from rl.watched import WatchedTrainer


def trainer_of(made: Recipe) -> WatchedTrainer:
    folder = start_folder(made.model_name_or_path)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    return make_trainer(made, model, AutoProcessor.from_pretrained(folder))


class Spied:
    """Before a trainer's class: notes which of TRL's paths is running."""

    path = ""

    def _generate_single_turn(self, *args, **kwargs):
        self.path = "generation"
        return super()._generate_single_turn(*args, **kwargs)

    def _get_per_token_logps_and_entropies(self, model, *args, **kwargs):
        policy = model is self.model
        self.path = ("loss" if torch.is_grad_enabled() else "old") if policy else "reference"
        return super()._get_per_token_logps_and_entropies(model, *args, **kwargs)
