"""The runner asks every question once, keeps what it heard, and says what is missing."""

import json

import pytest
import yaml

from eval.benchmark import Benchmark
from eval.models.guess import Guess
from eval.question import Answer
from eval.run import evaluate, run
from eval.store import AnswerStore
from facellm.core.errors import FaceLLMError
from facellm.tasks import TASKS


def recipe(tmp_path, corpus, **more):
    data = {
        "output_dir": str(tmp_path / "run"),
        "benchmarks": [{"name": "e", "task": "expression", "corpus": str(corpus)}],
        "models": {"gold": {"kind": "gold"}},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(data | more))
    return path


def numbers(folder):
    results = json.loads((folder / "results.json").read_text())
    return {
        (r["benchmark"], r["model"]): {k: m["value"] for k, m in r["metrics"].items()}
        for r in results["results"]
    }


@pytest.mark.parametrize("style", ["canonical", "varied", "prose"])
@pytest.mark.parametrize("task", TASKS)
def test_gold_scores_one_and_another_face_scores_chance(tmp_path, corpus_of, task, style):
    benchmark = Benchmark(name="b", task=task, corpus=corpus_of(task), style=style)
    questions = benchmark.questions()
    gold, _ = evaluate(benchmark, questions, "gold", Guess(kind="gold", task=task), tmp_path)
    other = Guess(kind="shuffled", task=task)
    chance, _ = evaluate(benchmark, questions, "shuffled", other, tmp_path)
    assert gold.metrics["score"].value == 1.0 and gold.unparsed == 0
    assert chance.metrics["score"].value < 0.75
    if task == "expression" and style == "canonical":  # eight emotions, drawn evenly
        assert chance.metrics["accuracy"].low <= 0.125 <= chance.metrics["accuracy"].high


@pytest.mark.slow
def test_a_run_writes_samples_results_report_and_figures(tmp_path, corpus):
    folder = run(recipe(tmp_path, corpus))
    values = numbers(folder)
    assert values["e", "gold"]["accuracy"] == 1.0
    assert values["e", "shuffled"]["accuracy"] < 0.5
    report = (folder / "report.md").read_text()
    assert "Complete" in report and "| accuracy | 1.000" in report
    assert (folder / "figures" / "e-confusion.png").stat().st_size > 2000
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(folder / "samples.parquet").to_pylist()
    assert len(rows) == 3 * 50 and {row["model"] for row in rows} == {
        "gold",
        "majority",
        "shuffled",
    }
    assert all(row["subject_id"] and row["question"] and row["target"] for row in rows)


class Torn(Guess):
    """Answers some questions, then ends as a killed process would."""

    after: int

    async def answers(self, questions):
        count = 0
        async for answer in super().answers(questions):
            if count == self.after:
                raise KeyboardInterrupt
            count += 1
            yield answer


def test_a_killed_run_goes_on_and_asks_nothing_twice(tmp_path, corpus):
    benchmark = Benchmark(name="b", task="expression", corpus=corpus)
    questions = benchmark.questions()
    with pytest.raises(KeyboardInterrupt):
        evaluate(benchmark, questions, "m", Torn(kind="gold", task="expression", after=7), tmp_path)
    path = tmp_path / "answers" / "b" / "m.jsonl"
    with path.open("a") as file:
        file.write('{"id": "s0')  # the line that was being written
    assert len(AnswerStore(path).answers) == 7
    result, _ = evaluate(benchmark, questions, "m", Guess(kind="gold", task="expression"), tmp_path)
    lines = [json.loads(line)["id"] for line in path.read_text().splitlines()]
    assert len(lines) == len(set(lines)) == len(questions) == result.answered


def test_answers_that_failed_are_counted_and_asked_again(tmp_path, corpus):
    benchmark = Benchmark(name="b", task="expression", corpus=corpus)
    questions = benchmark.questions()

    class Failing(Guess):
        async def answers(self, questions):
            for n, question in enumerate(questions):
                text = None if n < 10 else "I see a happy and sad nose." if n < 13 else "anger"
                yield Answer(id=question.id, text=text, error="Timeout" if text is None else None)

    result, rows = evaluate(benchmark, questions, "m", Failing(kind="gold"), tmp_path)
    assert result.partial and (result.asked, result.answered, result.unparsed) == (50, 40, 3)
    assert result.failures["no answer: Timeout"] == 10
    assert sum(row["raw"] is None for row in rows) == 10
    again, _ = evaluate(benchmark, questions, "m", Guess(kind="gold", task="expression"), tmp_path)
    assert not again.partial and again.answered == 50


def test_questions_do_not_depend_on_the_order_of_the_file(tmp_path, corpus):
    shuffled = tmp_path / "c"
    shuffled.mkdir()
    lines = (corpus / "samples.jsonl").read_text().splitlines()
    (shuffled / "samples.jsonl").write_text("\n".join(reversed(lines)) + "\n")
    one = Benchmark(name="b", task="region_question", corpus=corpus, style="varied").questions()
    two = Benchmark(name="b", task="region_question", corpus=shuffled, style="varied").questions()
    assert {q.id: q.text for q in one} == {q.id: q.text for q in two}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"benchmarks": [{"name": "e", "task": "nose", "corpus": "CORPUS"}]}, "'nose' is no task"),
        (
            {"benchmarks": [{"name": "e", "task": "caption", "corpus": "CORPUS", "split": "val"}]},
            "no sample in split 'val'; its splits are test (50), train (10)",
        ),
        (
            {"benchmarks": [{"name": "e", "task": "caption", "corpus": "nowhere"}]},
            "no samples.jsonl",
        ),
        ({"models": {"x": {"kind": "oracle"}}}, "oracle"),
        ({"models": {}}, "models: Dictionary should have at least 1 item"),
    ],
)
def test_mistakes_in_the_recipe_are_one_clear_line(tmp_path, corpus, change, message):
    text = json.dumps(change).replace("CORPUS", str(corpus))
    with pytest.raises(FaceLLMError) as error:
        run(recipe(tmp_path, corpus, **json.loads(text)))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_sample_that_is_there_twice_is_refused(tmp_path, corpus):
    lines = (corpus / "samples.jsonl").read_text().splitlines()
    (tmp_path / "samples.jsonl").write_text("\n".join([*lines, lines[0]]) + "\n")
    with pytest.raises(FaceLLMError, match=r"s000 is in .* twice"):
        Benchmark(name="b", task="expression", corpus=tmp_path).questions()


def test_another_recipe_in_the_same_folder_is_refused(tmp_path, corpus):
    run(recipe(tmp_path, corpus))
    with pytest.raises(FaceLLMError, match="differs in limit"):
        run(recipe(tmp_path, corpus, limit=5))
