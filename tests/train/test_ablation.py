"""The ablation compares what it says it compares."""

import pytest
import torch
from tiny_corpus import recipe_text, write_corpus

from facellm.train.ablate import VARIANTS, compare, read_units, train_variant
from facellm.train.crops import load_crops
from facellm.train.recipe import load_recipe


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablation")
    corpus = write_corpus(folder / "corpus")
    (folder / "recipe.yaml").write_text(recipe_text(folder / "run", corpus))
    return load_recipe(folder / "recipe.yaml", ["stages.see.max_steps=2"]), corpus, folder


@pytest.mark.slow
def test_variants_differ_in_what_they_see(setting):
    recipe, corpus, folder = setting
    crops, held_out = load_crops(corpus, "train"), load_crops(corpus, "test")
    moved = load_crops(corpus, "test")
    moved.points.add_(0.1 * torch.randn(moved.points.shape, generator=torch.Generator()))
    for name in VARIANTS:
        seer = train_variant(recipe, [crops], name, folder / name.replace(" ", "-"))
        assert (seer.vision.region_encoder is None) == (name == "plain")
        assert read_units(seer, held_out).shape == (3, 23)


def test_a_perfect_reading_beats_a_blind_one(setting):
    _, corpus, _ = setting
    crops = load_crops(corpus, "train")
    result = compare({"full": crops.units, "blind": torch.zeros_like(crops.units)}, crops)
    # AU12 and AU6 occur; a blind reading finds neither: F1 0 against 1.
    assert result["full"]["value"] == 1.0
    assert result["blind"]["value"] == 0.0
    assert result["full - blind"]["value"] == 1.0
    assert result["full"]["n"] == len(crops)
