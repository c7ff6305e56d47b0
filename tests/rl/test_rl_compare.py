"""Ways beside each other: means over runs, differences and their table, counted by hand."""

import json
import shutil
from pathlib import Path

import pytest
from rl_recipes import recipe
from transformers import AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import dump
from rl import compare

RIGHT, WRONG = (
    json.dumps({"emotion": word}).join(("<answer>", "</answer>")) for word in ("happiness", "fear")
)


class Told:
    """Answers the first so many questions right, as its folder's name says."""

    def __init__(self, folder: Path, use_cpu: bool) -> None:
        assert use_cpu
        self.right = int(folder.parent.name.partition("-")[2])
        self.processor = AutoProcessor.from_pretrained(folder)

    def __call__(self, corpus, asked):
        return [RIGHT if n < self.right else WRONG for n in range(len(asked))]


@pytest.fixture
def runs(tmp_path, checkpoint):
    for name in ("start-0", "a-1", "a-2", "b-0"):
        shutil.copytree(checkpoint, tmp_path / name / "model")
    return tmp_path


def written(folder, corpus, **options):
    made = recipe(folder, folder / "start-0/model", corpus, tasks={"expression": 1}, **options)
    (folder / "recipe.yaml").write_text(dump(made))
    return folder / "recipe.yaml"


def test_a_way_is_the_mean_of_its_runs(runs, corpus, monkeypatch):
    monkeypatch.setattr(compare, "Answerer", Told)
    path = written(runs, corpus, evaluate=50, rubric={"expression": 2.0})
    named = [f"A={runs / 'a-1'}", f"A={runs / 'a-2'}", f"B={runs / 'b-0/model'}"]
    compare.main(path, None, named, runs / "report.json")
    task = json.loads((runs / "report.json").read_text())[corpus.name]["expression"]
    assert list(task) == ["A against start", "B against start", "B against A"]
    gain = task["A against start"]["expression"]  # two held-out faces: 1 and 2 of them right
    assert gain["start"]["value"] == 0 and gain["end"]["value"] == 0.75
    assert gain["runs"] == [0.5, 1.0] and gain["difference"]["value"] == 0.75
    assert task["A against start"]["reward"]["difference"]["value"] == 1.5, "the rubric's own sum"
    assert task["B against start"]["expression"]["difference"]["value"] == 0
    assert task["B against A"]["expression"]["difference"]["value"] == -0.75
    table = (runs / "report.md").read_text()
    assert f"### {corpus.name}: expression" in table
    assert "0.000 → 0.750, " in table and "(+0.500, +1.000)" in table


def test_the_real_model_is_asked(runs, corpus):
    path = written(runs, corpus, evaluate=2)
    compare.main(path, ["corpora.0.limit=4"], [f"B={runs / 'b-0'}"], runs / "report.json")
    found = json.loads((runs / "report.json").read_text())
    same = found[corpus.name]["expression"]["B against start"]
    assert all(row["difference"]["value"] == 0 for row in same.values()), "one model, one score"


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("runs/rl-0", "is not NAME=FOLDER"),
        ("start=runs/rl-0", "other than start"),
        ("A=nowhere", "nowhere holds no model; name the output_dir of a finished run"),
    ],
)
def test_what_is_no_run_is_refused(runs, run, message):
    with pytest.raises(FaceLLMError, match=message):
        compare.ways_of(runs, [run])
