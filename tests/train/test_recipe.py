"""Recipes: typed, overridable, and clear about mistakes."""

from pathlib import Path

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
    recipe = load_recipe(path, ["stages.see.learning_rate=1e-4", "corpora.0.weight=3", "seed=7"])
    assert recipe.stages[0].learning_rate == 1e-4  # PyYAML alone reads 1e-4 as text
    assert recipe.corpora[0].weight == 3
    assert recipe.seed == 7


def test_environment_fills_in(path, monkeypatch):
    path.write_text(path.read_text().replace("seed: 0", "") + "seed: ${SEED:-3}\n")
    assert load_recipe(path).seed == 3
    monkeypatch.setenv("SEED", "5")
    assert load_recipe(path).seed == 5


def test_the_shipped_recipes_are_valid_and_one_goes_on_from_the_other():
    from importlib.resources import files

    folder = files("facellm") / "recipes"
    nano, chat = (load_recipe(folder / f"{name}.yaml") for name in ("nano", "chat"))
    assert nano.model.tower["image_size"] == 112
    made = (Path(__file__).parents[2] / "Makefile").read_text().partition("weights: install")[2]
    calibrated = f"calibrate {nano.output_dir / 'model'} "
    assert calibrated in made and f"--out {chat.model_name_or_path}\n" in made
    assert f"model_name_or_path={chat.output_dir / 'model'} " in made
    assert any(corpus.rows is not None for corpus in chat.corpora)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stages.see.lr=1", "no option 'lr'.* expected one of"),
        ("stages.0.max_steps=-1", "stages.0.max_steps: Input should be greater"),
        ("stages.see.max_steps", "has no '='"),
        ("stages.none.max_steps=1", "names no place"),
        ("stages.speak.train=[tower]", "stages.1.train.0: Input should be 'vision_tower'"),
        ("stages.speak.learning_rates={lm: 1}", "stages.1.learning_rates.lm.*Input should be"),
        (
            "stages.see.train=[projector]",
            "objective see trains vision_tower, region_encoder and readings",
        ),
        ("stages.speak.tasks={smile: 1}", "no task 'smile'; there are expression"),
        ("stages.speak.learning_rates={vision_tower: 1}", "which this stage does not train"),
        (
            "stages.1={name: a, objective: answer, max_steps: 1, train: [projector], lora: {}}",
            "lora trains the language_model",
        ),
        (
            "stages.1={name: a, objective: answer, max_steps: 1, train: [vision_tower], "
            "cached_views: 2}",
            "cached_views needs vision_tower and region_encoder at rest",
        ),
        ("stages.speak.told=0.5", "told is for answer with cached_views"),
        ("stages.speak.made_up=0.5", "made_up is for answers that are told"),
        ("stages.speak.weights=[1, 2]", "2 weights for 1 corpora"),
        ("stages.see.name=speak", "two stages are called 'speak'"),
        ("corpora.0.rows=x", "either path .samples. or rows"),
        ("model_name_or_path=x", "either model_name_or_path .go on. or model"),
        ("report_to=mlflow", "report_to"),
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
