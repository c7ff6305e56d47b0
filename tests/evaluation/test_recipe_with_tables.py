"""A recipe with our model beside tables of predictions: who is asked what, and who is better."""

import csv
import json

import pytest
import yaml

from eval.benchmark import Benchmark
from eval.recipe import Recipe
from eval.run import run
from facellm.core.errors import FaceLLMError
from facellm.core.recipe import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory, corpus):
    folder = tmp_path_factory.mktemp("tables")
    asked = Benchmark(name="faces", task="expression", corpus=corpus).questions()
    with (folder / "half.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "face", "emotion"])
        for n, q in enumerate(asked):  # right about every second face
            other = "fear" if q.gold.emotion != "fear" else "anger"
            writer.writerow([q.sample.id, q.face, q.gold.emotion if n % 2 else other])
    return folder


def recipe(folder, corpus, **more):
    data = {
        "output_dir": str(folder / "run"),
        "title": "Gold and half of it",
        "note": "Made by a test.",
        "models": {
            "gold": {"kind": "gold"},
            "half": {
                "kind": "stored",
                "path": str(folder / "half.csv"),
                "columns": {"emotion": "emotion", "face": "face"},
            },
        },
        "only": {"half": ["faces"]},
        "benchmarks": [
            {"name": "faces", "task": "expression", "corpus": str(corpus)},
            {"name": "units", "task": "action_units", "corpus": str(corpus)},
        ],
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(data | more))
    return path


def test_the_report_says_who_is_better(folder, corpus):
    out = run(recipe(folder, corpus))
    results = json.loads((out / "results.json").read_text())["results"]
    asked = {(r["benchmark"], r["model"]) for r in results}
    assert ("faces", "half") in asked and ("units", "half") not in asked
    report = (out / "report.md").read_text()
    assert report.startswith("# Gold and half of it\n\nMade by a test.\n")
    assert "## `gold` against the others" in report and "all 10 comparisons" in report
    lines = [line for line in report.splitlines() if line.startswith("| faces | half |")]
    score, macro_f1 = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert (score[2], macro_f1[2]) == ("score", "macro_f1")
    assert score[3].startswith("0.500 [") and score[6] == "25 / 0"
    # Wrong faces are those of five people: 2 of their 2⁵ sign flips reach it, in either number. The
    # eight other comparisons have smaller p values, so Holm multiplies these two by 2.
    assert score[4:6] == macro_f1[4:6] == ["0.062", "0.125"]


def test_a_model_is_asked_about_spoilt_pictures_of_its_benchmarks(folder, corpus):
    curve = {"benchmark": "units", "kinds": ["blur"], "severities": [1]}
    found = load(Recipe, recipe(folder, corpus, robustness=[curve]))
    assert found.asks("gold", "units-blur-1") and not found.asks("half", "units-blur-1")
    assert found.asks("half", "faces")


@pytest.mark.parametrize(
    ("only", "message"),
    [({"other": ["faces"]}, "no model 'other'"), ({"half": ["x"]}, "no benchmark 'x'")],
)
def test_names_that_do_not_exist_are_told(folder, corpus, only, message):
    with pytest.raises(FaceLLMError, match=message):
        load(Recipe, recipe(folder, corpus, only=only))
