"""The reward for stating what was looked at: maps made by hand, and the model's own."""

import numpy as np
import pytest
import torch
from rl_recipes import recipe
from rl_samples import full, sample
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.core.evidence import Thought, conclude, state
from facellm.core.facs import ACTION_UNITS
from facellm.core.grammar import render_response
from facellm.core.regions import REGIONS
from facellm.faces.mean_shape import MEAN_SHAPE
from facellm.faces.region_masks import region_masks
from rl.grpo import make_trainer
from rl.looks import inside, looks
from rl.rewards import Truth, looked

ROW = Truth(task="reasoning", sample=sample(full("happiness", AU6=3.0, AU12=3.0)), seed=1).dump()
LOOKS = {6: 0.2, 12: 0.8, 4: 0.5}


def said(*units: int) -> str:
    thought = Thought.of_face([state(n, 3.0) for n in units], (), conclude(units, "happiness"))
    return render_response(thought, {"emotion": "happiness"})


def test_units_count_that_were_looked_at():
    texts = [said(12), said(6, 12), said(6), said(4, 6, 12), "garbage", said()]
    given = looked(texts, [ROW] * 6, looks=[LOOKS] * 6)
    assert given == [1.0, 0.5, 0.0, pytest.approx(2 / 3), 0.0, 0.0]
    assert looked([said(4)], [ROW], threshold=0.6, looks=[LOOKS]) == [0.0]
    assert looked([said(12)], [ROW]) == [None], "nobody has said where the model looked"
    other = Truth(task="expression", sample=sample(full("anger")), seed=1).dump()
    assert looked(["anger"], [other], looks=[LOOKS]) == [None]


def test_looks_are_shares_inside_the_masks_of_a_units_regions():
    points = np.asarray(MEAN_SHAPE, np.float32)
    low, high = points.min(0), points.max(0)
    points = 0.2 + 0.6 * (points - low) / (high - low).max()
    masks = region_masks(points, 14)
    maps = np.zeros((len(REGIONS), 14, 14))
    for row, mask in enumerate(masks):
        maps[row][mask] = 1 / mask.sum()
    assert inside(maps, points) == dict.fromkeys(ACTION_UNITS, pytest.approx(1.0))
    flat = np.full_like(maps, 1 / 196)
    for unit, share in inside(flat, points).items():
        rows = [REGIONS.index(name) for name in ACTION_UNITS[unit].regions]
        assert share == pytest.approx(masks[rows].any(0).mean())


def test_it_needs_a_region_encoder_that_learns(checkpoint, corpus, tmp_path):
    rubric = {"looked": 1.0, "length": {"free": 1, "limit": 64}}
    with pytest.raises(FaceLLMError, match="add region_encoder to train"):
        recipe(tmp_path, checkpoint, corpus, rubric=rubric)


@pytest.mark.slow
def test_the_trainer_says_where_its_model_looks(checkpoint, corpus, pairs, tmp_path, monkeypatch):
    made = recipe(
        tmp_path, checkpoint, corpus, pairs, max_steps=2, learning_rate=0.05,
        train=["region_encoder", "language_model"],
        rubric={"looked": 1.0, "length": {"free": 1, "limit": 64}},
    )  # fmt: skip
    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32)
    trainer = make_trainer(made, model, AutoProcessor.from_pretrained(checkpoint))
    told = []
    ours = trainer.reward_funcs[0]

    def reward(**columns):
        told.append(columns["looks"])
        return ours(**columns)

    reward.__name__ = "looked"
    trainer.reward_funcs[0] = reward
    start = looks(model, trainer.processing_class, [trainer.prompts[0]])
    trainer.train()
    assert told[0][0] == start[0] and len(told[0]) == 8
    assert told[0][0] == told[0][3] and told[0][0] != told[0][4], "a prompt has a look of its own"
    again = looks(model, trainer.processing_class, [trainer.prompts[0]])
    assert again != start, "what learns looks elsewhere"
