"""Recipes: typed, overridable, and clear about mistakes."""

import pytest
from tiny_corpus import recipe_text

from facellm.core.errors import FaceLLMError
from facellm.train.recipe import load_recipe


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe_text(tmp_path / "run", tmp_path / "corpus"))
    return file


def test_overrides_win_and_reach_lists(path):
    recipe = load_recipe(path, ["see.learning_rate=1e-4", "corpora.0.weight=3", "seed=7"])
    assert recipe.see.learning_rate == 1e-4  # PyYAML alone reads 1e-4 as text
    assert recipe.corpora[0].weight == 3
    assert recipe.seed == 7


def test_environment_fills_in(path, monkeypatch):
    path.write_text(path.read_text().replace("seed: 0", "") + "seed: ${SEED:-3}\n")
    assert load_recipe(path).seed == 3
    monkeypatch.setenv("SEED", "5")
    assert load_recipe(path).seed == 5


def test_the_shipped_recipe_is_valid():
    from importlib.resources import files

    recipe = load_recipe(files("facellm") / "recipes" / "nano.yaml")
    assert recipe.model.tower["image_size"] == 112


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("see.lr=1", "see.lr: Extra inputs are not permitted"),
        ("see.max_steps=-1", "see.max_steps: Input should be greater"),
        ("see.max_steps", "has no '='"),
        ("corpora.5.weight=1", "names no place"),
        ("corpora=[]", "corpora: List should have at least 1 item"),
    ],
)
def test_mistakes_name_their_place(path, override, message):
    with pytest.raises(FaceLLMError, match=message) as caught:
        load_recipe(path, [override])
    assert "\n" not in str(caught.value)


def test_a_missing_variable_file_or_bad_yaml_is_one_line(tmp_path, path):
    with pytest.raises(FaceLLMError, match="no recipe"):
        load_recipe(tmp_path / "none.yaml")
    path.write_text("output_dir: ${NOT_SET_ANYWHERE}")
    with pytest.raises(FaceLLMError, match="NOT_SET_ANYWHERE"):
        load_recipe(path)
    path.write_text("a: [1")
    with pytest.raises(FaceLLMError, match="is not YAML"):
        load_recipe(path)
