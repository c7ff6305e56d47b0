"""A prompt-guided model learns in stages of objective `answer`, and only there."""

import pytest
import torch
from safetensors.torch import load_file
from tiny_corpus import recipe_text, write_corpus

from facellm.core.errors import FaceLLMError
from facellm.train import run
from facellm.train.assemble import assemble
from facellm.train.crops import load_crops
from facellm.train.recipe import load_recipe
from facellm.train.speak import Answering

GUIDED = ["model.vision.prompt_guided=true", "model.tower.layers=3", "threads=1"]


@pytest.fixture
def recipe(tmp_path):
    corpus = write_corpus(tmp_path / "corpus")
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe_text(tmp_path / "run", corpus))
    return path


@pytest.mark.slow
def test_the_fusion_learns_with_the_projector_and_rests_while_it_sees(recipe, tmp_path):
    loaded = load_recipe(recipe, GUIDED)
    start, _ = assemble(loaded, [load_crops(loaded.corpora[0].path, "train")])
    before = {name: value.half() for name, value in start.state_dict().items()}
    model = run(recipe, GUIDED)
    after = load_file(model / "model.safetensors")
    own = {name for name in after if ".prompt." in name}
    assert own and all(not torch.equal(before[name], after[name]) for name in own)
    see = torch.load(tmp_path / "run/see.pt", weights_only=True)["weights"]
    assert not any("prompt" in name for name in see)
    speak = torch.load(tmp_path / "run/speak.pt", weights_only=True)["weights"]
    assert {name.removeprefix("model.") for name in speak if ".prompt." in name} == own


def test_what_depends_on_the_question_cannot_be_kept(recipe):
    loaded = load_recipe(recipe, [*GUIDED, "stages.speak.cached_views=1"])
    crops = load_crops(loaded.corpora[0].path, "train")
    model, processor = assemble(loaded, [crops])
    with pytest.raises(FaceLLMError, match="stage speak: what a prompt_guided model sees depends"):
        Answering(model, processor, [crops], [1.0], loaded.stages[1], 0)
