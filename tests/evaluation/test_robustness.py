"""Severity curves: asked again about spoilt pictures, of models that look at them."""

import json

import numpy as np
import pytest
import yaml

from eval.models.base import shown
from eval.models.in_process import InProcess
from eval.question import Answer
from eval.run import run
from facellm.core.errors import FaceLLMError


async def look(self, questions):
    """Right where the picture's red is what the corpus painted; the darker, the more are wrong."""
    for question in questions:
        number = int(question.sample.id[1:])
        red = int(np.asarray(shown(question).image)[0, 0, 0])
        seen = abs(red - number * 4 % 256) < 40
        yield Answer(id=question.id, text=question.gold.emotion if seen else "I see a nose.")


def recipe(tmp_path, corpus, **more):
    table = tmp_path / "p.jsonl"
    table.write_text(json.dumps({"id": "s000", "text": "anger"}) + "\n")
    data = {
        "output_dir": str(tmp_path / "run"),
        "benchmarks": [
            {"name": "e", "task": "expression", "corpus": str(corpus), "mirrored": True}
        ],
        "models": {
            "eye": {"kind": "facellm"},
            "table": {"kind": "stored", "path": str(table)},
        },
        "robustness": [{"benchmark": "e", "kinds": ["blur", "darkness"], "severities": [1, 5]}],
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(data | more))
    return path


@pytest.mark.slow
def test_curves_of_a_run(tmp_path, corpus, monkeypatch):
    monkeypatch.setattr(InProcess, "answers", look)
    folder = run(recipe(tmp_path, corpus))
    results = json.loads((folder / "results.json").read_text())["results"]
    eye = {r["benchmark"]: r for r in results if r["model"] == "eye"}
    score = {name: result["metrics"]["score"]["value"] for name, result in eye.items()}
    assert score["e"] == score["e-blur-1"] == score["e-blur-5"] == 1.0  # plain colours do not blur
    assert 1.0 > score["e-darkness-1"] > score["e-darkness-5"] > 0.0
    # The mirrored questions are not asked again, and those who do not look are not asked at all.
    assert eye["e"]["asked"] == 2 * eye["e-blur-1"]["asked"] == 100
    assert {r["model"] for r in results if r["benchmark"] != "e"} == {"eye"}
    assert (folder / "figures" / "e-robust.png").stat().st_size > 2000
    report = (folder / "report.md").read_text()
    assert "![e-robust](figures/e-robust.png)" in report and "## e-blur-1" not in report
    assert "50 questions about" not in report and "100 questions about 50 faces" in report


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        ({"benchmark": "e", "kinds": ["fog"]}, "corruption 'fog:1' is unknown"),
        ({"benchmark": "e", "kinds": ["mirror"]}, "corruption 'mirror:1' is unknown"),
        ({"benchmark": "x", "kinds": ["blur"]}, "names no benchmark 'x'"),
        ({"benchmark": "e", "kinds": []}, "at least 1 item"),
    ],
)
def test_curves_that_cannot_be_drawn(tmp_path, corpus, curve, message):
    with pytest.raises(FaceLLMError, match=message):
        run(recipe(tmp_path, corpus, robustness=[curve]))
