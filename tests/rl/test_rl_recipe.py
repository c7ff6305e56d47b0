"""Recipes of reinforcement runs: presets, and every mistake in one line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from facellm import cli
from facellm.core.errors import FaceLLMError
from facellm.core.recipe import check, load
from rl.recipe import PRESETS, Recipe

LEAST = {"output_dir": "o", "corpora": [{"path": "c"}], "rubric": {"score": 1}, "max_steps": 2}


def recipe(**options: object) -> Recipe:
    return check(Recipe, LEAST | options, "recipe")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_what_is_not_named(name):
    made = recipe(algorithm=name)
    assert {key: getattr(made, key) for key in PRESETS[name]} == PRESETS[name]
    assert recipe(algorithm=name, epsilon_high=0.5).epsilon_high == 0.5


@pytest.mark.parametrize(("name", "prompts"), [("rig", 4), ("efficiency", 4), ("vllm", 8)])
def test_the_shipped_recipes_are_recipes(name, prompts):
    shipped = Path(__file__).parents[2] / f"rl/recipes/{name}.yaml"
    assert load(Recipe, shipped).prompts_per_step == prompts


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"rubric": {"au_f11": 1}}, "did you mean au_f1"),
        ({"tasks": {"resoning": 1}}, "no task 'resoning'"),
        ({"num_generations": 5}, "32 answers a step .* no multiple of num_generations 5"),
        ({"algorithm": "ppo"}, "algorithm"),
        ({"num_iterations": 3}, "save_steps must be a multiple"),
        ({"train": ["projector"], "lora": {}}, "add it to train"),
        ({"schedule": "utility"}, "name its size, such as pool: 512"),
        ({"rollouts": "vllm", "top_p": 0.9}, "temperature and top_p other than 1"),
        ({"learning_rat": 1}, "did you mean learning_rate"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(options, complaint):
    with pytest.raises(FaceLLMError, match=complaint) as error:
        recipe(**options)
    assert "\n" not in str(error.value)


def test_the_command_prints_a_dry_run_and_complains_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "r.yaml"
    path.write_text("{output_dir: o, corpora: [{path: c}], rubric: {au_f1: 2}, max_steps: 2}")
    done = CliRunner().invoke(cli.app, ["rl", str(path), "algorithm=dapo", "--dry-run"])
    assert done.exit_code == 0
    assert "epsilon_high: 0.28" in done.stdout and "protocol: rig23" in done.stdout
    failed = CliRunner().invoke(cli.app, ["rl", str(path)])
    assert failed.exit_code == 2
    # A process of its own shows no progress of loading; this one imported transformers before.
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("facellm: ") and "no samples.jsonl in c" in last
