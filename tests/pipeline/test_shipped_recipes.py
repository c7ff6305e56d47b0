"""The recipes that come with the engine are valid, say how to run them, and one is run."""

import json
from pathlib import Path

import pytest

import data_engine
from data_engine.recipe import load_recipe
from data_engine.run import plan, run

FOLDER = Path(data_engine.__file__).parent / "recipes"
RECIPES = sorted(FOLDER.glob("*.yaml"))


def test_the_recipes_are_there():
    assert {path.stem for path in RECIPES} == {
        "attributes_qa", "chat", "emotion_cot", "found_faces", "labelled_faces", "own_model",
        "rig_corpus", "teacher", "video_dynamics",
    }  # fmt: skip


@pytest.fixture
def places(monkeypatch, tmp_path):
    for name in ("CORPUS", "PHOTOS", "FINDER_MODEL", "FACES", "LABELS", "VIDEOS"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("FACELLM_CORPORA", str(tmp_path))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_source_step_and_option_exists(path, places):
    pytest.importorskip("pyarrow")
    from data_engine.export import ExportOptions

    recipe = load_recipe(path)
    resolved = recipe.resolved()
    assert len(plan(recipe)) >= 2
    assert resolved.steps and resolved.sources
    for options in recipe.export:
        ExportOptions.model_validate(options)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_begins_with_its_command_and_names_hardware_and_time(path):
    lines = path.read_text().splitlines()
    assert f"facellm data data_engine/recipes/{path.name}" in lines[0]
    head = " ".join(line for line in lines if line.startswith("#"))
    assert "GPU" in head or "CPU" in head
    assert any(word in head for word in ("second", "minutes", "hour"))


@pytest.mark.slow
def test_the_rig_recipe_end_to_end(places, tmp_path):
    small = ["source.count=4", "source.size=64", "export=[]"]
    folder = run(FOLDER / "rig_corpus.yaml", small)
    report = json.loads((folder / "report.json").read_text())
    assert report["items"]["samples"] == 8 and report["items"]["rows"] > 20
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert all((folder / name).is_file() for row in rows for name in row["images"])
