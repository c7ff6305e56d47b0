"""Exports hold the questions and pictures, and other runners' scores are the tasks' own."""

import base64
import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from eval.benchmark import Benchmark
from eval.export import lmms_eval, vlmevalkit
from eval.export.pictures import picture_bytes
from eval.export.scoring import RECORDS, gold_text, headline, scored
from eval.models.guess import Guess
from eval.question import Answer
from eval.score import score_answers, summarise
from facellm.core.errors import FaceLLMError
from facellm.tasks import TASKS
from facellm.tasks.response import Unanswerable

ROOT = Path(__file__).parents[2]


def bench(corpus, task="expression", **more):
    return Benchmark(name="b", task=task, corpus=corpus, **more)


def utils_of(folder):
    spec = importlib.util.spec_from_file_location("exported_utils", folder / "utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(folder):
    import pyarrow.parquet

    return pyarrow.parquet.read_table(folder / "data" / "test.parquet").to_pylist()


class Loader(yaml.SafeLoader):
    """Reads `!function utils.name` as its name."""


Loader.add_constructor("!function", lambda loader, node: node.value)


def test_every_task_has_its_record():
    assert set(RECORDS) == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_gold_survives_as_json_and_scores_one(corpus_of, task):
    questions = bench(corpus_of(task), task).questions()[:20]
    render = Guess(kind="gold", task=task)._render
    for question in questions:
        one = scored(task, gold_text(question), render(question.gold), "u")
        assert one.gold == question.gold and one.score.value == 1.0


def test_a_missing_face_survives_as_json(corpus):
    question = bench(corpus).questions()[0]._replace(gold=Unanswerable(face=3, count=1))
    gold = gold_text(question)
    assert scored("expression", gold, '{"error": "no face 3"}', "u").score.value == 1.0
    assert scored("expression", gold, "anger", "u").score.value == 0.0


@pytest.mark.parametrize("gold", ["", "{}", "[]", '{"answer": {"emotion": "hunger"}}'])
def test_what_is_no_gold_is_refused(gold):
    with pytest.raises(FaceLLMError, match="no gold answer of expression"):
        scored("expression", gold, "anger", "u")


@pytest.mark.parametrize("task", ["expression", "action_units", "reasoning"])
def test_utils_score_as_our_own_runner_does(tmp_path, corpus, task):
    folder = lmms_eval.write(bench(corpus, task), tmp_path)
    questions = bench(corpus, task).questions()
    render = Guess(kind="gold", task=task)._render
    said = [render(questions[n - n % 3].gold) for n in range(len(questions))]
    said[0] = "nothing that could be read"
    utils = utils_of(folder)
    found = [
        utils.process_results(d, [text]) for d, text in zip(rows_of(folder), said, strict=True)
    ]
    answers = {q.id: Answer(id=q.id, text=text) for q, text in zip(questions, said, strict=True)}
    ours = summarise(
        "m", "b", task, questions, answers, score_answers(task, questions, answers)
    ).metrics
    for name in headline(task):
        aggregate = getattr(utils, f"aggregate_{name}")
        assert aggregate([one[name] for one in found]) == ours[name].value
    assert 0 < ours["score"].value < 1 and ours["parsed"].value < 1


def test_the_folder_names_existing_functions_and_files(tmp_path, corpus):
    folder = lmms_eval.write(bench(corpus), tmp_path)
    task = yaml.load((folder / "facellm_b.yaml").read_text(), Loader)
    assert task["task"] == folder.name == "facellm_b"
    assert list(Path(task["dataset_path"]).glob("*.parquet"))
    utils = utils_of(folder)
    named = [task["doc_to_visual"], task["doc_to_text"], task["process_results"]]
    for function in [*named, *(metric["aggregation"] for metric in task["metric_list"])]:
        assert callable(getattr(utils, function.removeprefix("utils.")))
    question = rows_of(folder)[0]
    around = {"pre_prompt": "Q: ", "post_prompt": " A:"}
    assert utils.doc_to_text(question, around) == f"Q: {question['question']} A:"


def test_datasets_gives_pictures(tmp_path, corpus):
    datasets = pytest.importorskip("datasets")
    folder = lmms_eval.write(bench(corpus), tmp_path)
    loaded = datasets.Dataset.from_parquet(
        str(folder / "data" / "test.parquet"), cache_dir=str(tmp_path / "cache")
    )
    (picture,) = utils_of(folder).doc_to_visual(loaded[0])
    stored = Image.open(corpus / bench(corpus).questions()[0].sample.image)
    assert list(picture.getdata()) == list(stored.convert("RGB").getdata())


def test_spoilt_pictures_are_exported_spoilt(corpus):
    plain, dark = (
        bench(corpus).questions()[5],
        bench(corpus, corruption="darkness:5").questions()[5],
    )
    assert picture_bytes(plain) == (corpus / plain.sample.image).read_bytes()
    assert picture_bytes(dark) != picture_bytes(plain)


def test_vlmevalkit_asks_for_one_of_eight_letters(tmp_path, corpus):
    path = vlmevalkit.write(bench(corpus), tmp_path)
    csv.field_size_limit(10**8)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    questions = bench(corpus).questions()
    assert [int(row["index"]) for row in rows] == list(range(len(questions)))
    for row, question in zip(rows, questions, strict=True):
        assert row[row["answer"]] == question.gold.emotion
        assert len({row[letter] for letter in "ABCDEFGH"}) == 8
        assert base64.b64decode(row["image"]) == picture_bytes(question)
    assert len({row["answer"] for row in rows}) > 4  # no letter is a good guess


def test_vlmevalkit_has_no_letter_for_a_missing_face(tmp_path, corpus, monkeypatch):
    absent = [q._replace(gold=Unanswerable()) for q in bench(corpus).questions()]
    monkeypatch.setattr(Benchmark, "questions", lambda self: absent)
    with pytest.raises(FaceLLMError, match="a face that is not there"):
        vlmevalkit.write(bench(corpus), tmp_path)


def test_vlmevalkit_of_an_open_task_holds_the_gold(tmp_path, corpus):
    path = vlmevalkit.write(bench(corpus, "action_units"), tmp_path)
    row = next(csv.DictReader(path.open(newline=""), delimiter="\t"))
    assert "A" not in row and row["category"] == "action_units"
    assert scored("action_units", row["gold"], row["answer"], "u").score.value == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("form", ["lmms-eval", "vlmevalkit"])
def test_the_command_writes_every_benchmark(tmp_path, corpus, form):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        yaml.safe_dump(
            {
                "output_dir": "unused",
                "benchmarks": [
                    {"name": name, "task": "expression", "corpus": str(corpus), "limit": 3}
                    for name in ("one", "two")
                ],
                "models": {"gold": {"kind": "gold"}},
            }
        )
    )
    command = [sys.executable, "-m", "eval.export", form, str(recipe), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(p.stem for p in (tmp_path / "out").iterdir()) == ["facellm_one", "facellm_two"]


@pytest.mark.slow
def test_lmms_eval_runs_on_it(tmp_path, corpus):
    pytest.importorskip("lmms_eval", reason="lmms-eval is not installed")
    lmms_eval.write(bench(corpus), tmp_path / "tasks")
    command = [sys.executable, "-m", "lmms_eval", "--model", "dummy"]
    command += ["--model_args", "response=anger", "--include_path", str(tmp_path / "tasks")]
    command += ["--tasks", "facellm_b", "--batch_size", "1", "--output_path", str(tmp_path / "out")]
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | offline
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(next((tmp_path / "out").rglob("*results.json")).read_text())
    golds = [question.gold.emotion for question in bench(corpus).questions()]
    share = golds.count("anger") / len(golds)
    assert results["results"]["facellm_b"]["accuracy,none"] == pytest.approx(share)
