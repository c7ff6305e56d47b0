"""A miniature of FaceXBench's layout: read, asked about with its pictures, scored by letters."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from PIL import Image

from eval.multiple_choice.models import ChoiceEndpoint, ChoicePredictions
from eval.multiple_choice.questions import read_questions
from eval.multiple_choice.run import ChoiceRecipe, read_letters, run
from eval.question import Answer
from facellm.core.errors import FaceLLMError
from facellm.core.grammar import ParseFailure
from facellm.core.recipe import load

EXPRESSION = {
    "category": "attributes_expression",
    "sub-category": "expression",
    "dataset": "made up",
    "question_type": "MCQ",
    "num_images": "multiple",
    "prepend_text": "You have to perform the task of facial expression recognition.",
    "postpend_text": "Please provide only the correct option letter, e.g., A, B, C, D.",
    "questions": {
        "1": {
            "image_paths": ["images/e/question_1_1.png", "images/e/question_1_2.png"],
            "question_text": "How many images have a person with the expression 'anger'?",
            "options": [2, 0, 1, 3],
            "correct_answer_option": "C",
            "answer": 1,
        },
        "2": {
            "image_paths": ["images/e/question_1_1.png"],
            "question_text": "Which expression is shown?",
            "options": ["Anger", "Fear", "Neutral", "Sad"],
            "correct_answer_option": "A",
            "answer": "Anger",
        },
    },
}
TOOLS = {
    "category": "tools_use",
    "sub-category": "tools_retrieval",
    "context": "There are three APIs.",
    "questions": {
        "1": {
            "image_paths": [],
            "question_text": "Which APIs are needed?",
            "options": ["detect, then crop", "crop", "none", "detect"],
            "correct_answer_option": "B",
            "answer": "none",
        }
    },
}


@pytest.fixture
def bench(tmp_path):
    folder = tmp_path / "benchmark"
    (folder / "images" / "e").mkdir(parents=True)
    for n in (1, 2):
        image = Image.new("RGB", (8, 8), (n, n, n))
        image.save(folder / "images" / "e" / f"question_1_{n}.png")
    (folder / "e.json").write_text(json.dumps(EXPRESSION))
    (folder / "tools.json").write_text(json.dumps(TOOLS))
    return folder


def recipe(tmp_path, bench, models, **more):
    path = tmp_path / "r.yaml"
    data = {"output_dir": str(tmp_path / "out"), "benchmark": str(bench), "models": models}
    path.write_text(yaml.safe_dump(data | more, sort_keys=False))
    return path


def table(path, rows):
    path.write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in rows.items()))
    return {"kind": "stored", "path": str(path)}


def test_the_layout_is_read(bench):
    one, two, tools = read_questions(bench)
    assert one.id == "e/1" and [path.name for path in one.images] == [
        "question_1_1.png",
        "question_1_2.png",
    ]
    assert one.options == {"A": "2", "B": "0", "C": "1", "D": "3"} and one.gold == "C"
    assert one.text == (
        "How many images have a person with the expression 'anger'?\n"
        "Please provide only the correct option letter, e.g., A, B, C, D.\n"
        "(A) 2\n(B) 0\n(C) 1\n(D) 3"
    )
    assert tools.text.startswith("There are three APIs.\n") and tools.images == ()
    assert [q.doubtful for q in (one, two, tools)] == [False, False, True]
    assert read_questions(bench, "described")[1].text.startswith("You have to perform the task")


def test_letters_are_read_and_never_guessed(bench):
    questions = read_questions(bench)
    said = {"e/1": "The answer is (C).", "e/2": "A person who looks angry or afraid."}
    letters = read_letters(questions, {k: Answer(id=k, text=v) for k, v in said.items()})
    assert letters[0] == "C" and isinstance(letters[1], ParseFailure) and letters[2] is None


def test_accuracy_by_category_with_intervals(tmp_path, bench):
    said = {"e/1": "**C**", "e/2": "Option B", "tools/1": "It could be A or D."}
    model = table(tmp_path / "p.jsonl", said)
    results = run(recipe(tmp_path, bench, {"m": model, "gold": {"kind": "gold"}}))
    mine, gold, majority = results
    # 1 of 3 right; expression 1 of 2, tools 0 of 1; the mean over categories is a half of that
    assert mine.metrics["accuracy"].value == pytest.approx(1 / 3)
    assert mine.metrics["accuracy/attributes_expression"].value == 0.5
    assert mine.metrics["accuracy/expression"].value == 0.5
    assert mine.metrics["accuracy/tools_use"].value == 0.0
    assert mine.metrics["category_mean"].value == 0.25
    assert mine.metrics["chance"].value == 0.25
    assert (mine.asked, mine.answered, mine.unread) == (3, 3, 1)
    assert gold.metrics["accuracy"].value == 1.0 and majority.model == "majority"
    low, value, high = (getattr(mine.metrics["accuracy"], k) for k in ("low", "value", "high"))
    assert low < value < high
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| accuracy/tools_use |" in text and "1 questions name one option by letter" in text
    summary = json.loads((tmp_path / "out" / "results.json").read_text())
    assert summary["complete"] and summary["doubtful_questions"] == ["tools/1"]


def test_files_with_predictions_beside_the_questions(tmp_path, bench):
    (tmp_path / "kept").mkdir()
    for name, data in (("e", EXPRESSION), ("tools", TOOLS)):
        data = json.loads(json.dumps(data))
        for item in data["questions"].values():
            item["prediction"] = f"({item['correct_answer_option']})"
        (tmp_path / "kept" / f"{name}.json").write_text(json.dumps(data))
    models = {"m": {"kind": "stored", "path": str(tmp_path / "kept")}}
    assert run(recipe(tmp_path, bench, models))[0].metrics["accuracy"].value == 1.0


def test_a_partial_run_says_so_and_goes_on(tmp_path, bench):
    model = table(tmp_path / "p.jsonl", {"e/1": "C"})
    path = recipe(tmp_path, bench, {"m": model})
    first = run(path)[0]
    assert (first.answered, first.asked) == (1, 3) and first.metrics["accuracy"].n == 1
    assert "**Partial**: m answered 1 of 3" in (tmp_path / "out" / "report.md").read_text()
    table(tmp_path / "p.jsonl", {"e/1": "A", "e/2": "A", "tools/1": "B"})
    second = run(path)[0]
    assert second.metrics["accuracy"].value == 1.0  # what was answered before is kept


def test_an_endpoint_gets_all_pictures_before_the_question(bench):
    question = read_questions(bench)[0]
    model = ChoiceEndpoint(base_url="http://localhost:1/v1", model="m", system="Be brief.")
    system, user = model._messages(question)
    kinds = [part["type"] for part in user["content"]]
    assert system["content"] == "Be brief." and kinds == ["image_url", "image_url", "text"]
    urls = [part["image_url"]["url"] for part in user["content"][:2]]
    assert urls[0] != urls[1] and all(url.startswith("data:image/png;base64,") for url in urls)
    assert user["content"][-1]["text"] == question.text


class Anger(BaseHTTPRequestHandler):
    """A chat model that says "anger" to everything and counts the parts of each question."""

    parts: ClassVar[list[int]] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.parts.append(len(body["messages"][0]["content"]))
        message = {"role": "assistant", "content": "anger"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        reply = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(reply | {"choices": choices}).encode())

    def log_message(self, *args):
        """Say nothing."""


@pytest.mark.slow
def test_a_served_model_is_asked(tmp_path, bench):
    with ThreadingHTTPServer(("127.0.0.1", 0), Anger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        served = {"kind": "endpoint", "base_url": url, "model": "m"}
        result = run(recipe(tmp_path, bench, {"m": served}))[0]
        server.shutdown()
    assert result.metrics["accuracy/expression"].value == 0.5  # e/2, by the option's text
    assert (result.answered, result.unread) == (3, 2)
    assert sorted(Anger.parts) == [1, 2, 3]


def test_the_shipped_recipe_loads(monkeypatch):
    monkeypatch.setenv("FACEXBENCH", "somewhere")
    path = Path(__file__).parents[2] / "eval" / "recipes" / "facexbench.yaml"
    assert isinstance(load(ChoiceRecipe, path).models["served"], ChoiceEndpoint)


def test_missing_pictures_stop_an_endpoint_and_not_kept_answers(tmp_path, bench):
    (bench / "images" / "e" / "question_1_2.png").unlink()
    kept = table(tmp_path / "p.jsonl", {"e/1": "C"})
    assert run(recipe(tmp_path, bench, {"m": kept}))[0].answered == 1
    served = {"kind": "endpoint", "base_url": "http://localhost:1/v1", "model": "m"}
    with pytest.raises(FaceLLMError, match=r"1 of 3 questions lack pictures, first e/1"):
        run(recipe(tmp_path, bench, {"m": served}, output_dir=str(tmp_path / "other")))


def test_categories_and_limits_choose(tmp_path, bench):
    common = {"output_dir": tmp_path, "benchmark": bench, "models": {"g": {"kind": "gold"}}}
    chosen = ChoiceRecipe.model_validate({**common, "categories": ["tools_retrieval"]})
    assert [q.id for q in chosen.questions()] == ["tools/1"]
    limited = ChoiceRecipe.model_validate({**common, "limit": 2})
    assert len(limited.questions()) == 2 and limited.questions() == limited.questions()
    with pytest.raises(FaceLLMError, match="no category 'noses'"):
        ChoiceRecipe.model_validate({**common, "categories": ["noses"]}).questions()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": None}, "is not in the FaceXBench layout: category"),
        ({"questions": {}}, "is not in the FaceXBench layout: questions"),
        ({"correct_answer_option": "E"}, "question 1: the right answer 'E' is none of A, B, C, D"),
        ({"options": ["one"]}, "options"),
    ],
)
def test_broken_files_name_what_is_wrong(bench, change, message):
    data = json.loads(json.dumps(EXPRESSION))
    place = data if set(change) & set(data) else data["questions"]["1"]
    place.update(change)
    (bench / "e.json").write_text(json.dumps(data))
    with pytest.raises(FaceLLMError) as error:
        read_questions(bench)
    assert message in str(error.value) and "e.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_files_and_no_json(tmp_path, bench):
    with pytest.raises(FaceLLMError, match="no json file in"):
        read_questions(tmp_path)
    (bench / "e.json").write_text("{")
    with pytest.raises(FaceLLMError, match=r"e.json is not JSON"):
        read_questions(bench)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"id": "x/1", "text": "A"}', "none of its 1 predictions"),
        ('{"id": "e/1"}', "no column 'text'"),
        ('{"id": "e/1", "text": "A"}\n{"id": "e/1", "text": "B"}', "a second answer to 'e/1'"),
    ],
)
def test_mistakes_in_predictions(tmp_path, bench, lines, message):
    path = tmp_path / "p.jsonl"
    path.write_text(lines + "\n")
    model = ChoicePredictions(path=path).model_dump(mode="json")
    with pytest.raises(FaceLLMError) as error:
        run(recipe(tmp_path, bench, {"m": model}))
    assert message in str(error.value)
