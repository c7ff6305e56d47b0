"""Recipes of the tests: written to a file, run, and read back."""

import json

import pytest
import yaml

from data_engine.run import run


@pytest.fixture
def recipe(tmp_path):
    """Write a recipe; returns its path. Keys given replace those of a small default."""

    def write(name="recipe.yaml", **keys):
        data = {
            "output_dir": str(tmp_path / "run"),
            "source": {"use": "pipeline_parts:Numbers"},
            "steps": [],
            "shard_size": 4,
            **keys,
        }
        if "sources" in keys and "source" not in keys:
            del data["source"]
        path = tmp_path / name
        path.write_text(yaml.safe_dump(data))
        return path

    return write


@pytest.fixture
def go(recipe):
    """Write a recipe and run it; returns the run's folder."""
    return lambda overrides=(), **keys: run(recipe(**keys), overrides)


@pytest.fixture
def ids():
    """The ids in a jsonl file, in order."""

    def read(path):
        key = "item_id" if path.parent.name == "rejects" else "id"
        return [json.loads(line)[key] for line in path.read_text().splitlines()]

    return read


@pytest.fixture
def results():
    """What a run's folder holds that must not depend on how it was run: name → bytes."""

    def read(folder):
        files = [*folder.glob("*.jsonl"), *folder.glob("rejects/*"), folder / "report.json"]
        return {str(file.relative_to(folder)): file.read_bytes() for file in files}

    return read
