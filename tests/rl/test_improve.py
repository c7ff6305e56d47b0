"""Self-improvement keeps what the labels bear out, nothing else, and stops when it is of no use.

The answers are scripted: what is tested is what becomes of right and wrong ones. Tokenizer, files,
tuning and models are real.
"""

import json
import random

import pytest
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import check
from facellm.core.sample import read_samples, write_samples
from facellm.tasks import TASKS
from facellm.train.evaluate import Answerer
from facellm.train.recipe import Corpus
from facellm.train.rows import load_talks
from rl.improve import gather as gathering
from rl.improve import rounds
from rl.improve.recipe import Improvement

EXPRESSION = TASKS["expression"]


@pytest.fixture
def faces(corpus, tmp_path):
    """The corpus with every fifth face for development."""
    folder = tmp_path / "faces"
    folder.mkdir()
    (folder / "images").symlink_to(corpus / "images")
    split = [
        sample.model_copy(update={"split": "val"}) if i % 5 == 1 else sample
        for i, sample in enumerate(read_samples(corpus))
    ]
    write_samples(folder / "samples.jsonl", split)
    return folder


def recipe(tmp_path, checkpoint, faces, **options):
    stage = {"max_steps": 1, "per_device_train_batch_size": 2, "tasks": {"expression": 1}}
    data = {
        "output_dir": tmp_path / "run", "model_name_or_path": checkpoint, "use_cpu": True,
        "corpora": [{"path": faces}], "tasks": {"expression": 1}, "rubric": {"score": 1},
        "rounds": 2, "sample": {"prompts": 4, "answers": 3}, "tune": {"stage": stage},
        "evaluate": 0, "threads": 1,
    }  # fmt: skip
    return check(Improvement, data | options, "recipe")


@pytest.fixture
def says(monkeypatch):
    """Let models give a function's answers: (sample, question, number) → text."""

    def script(answer):
        class Scripted(Answerer):
            def __call__(self, corpus, asked):
                return [answer(sample, n) for n, (sample, _) in enumerate(asked)]

        for module in (gathering, rounds):
            monkeypatch.setattr(module, "Answerer", Scripted)

    return script


def right(sample):
    return EXPRESSION.exchange(sample, random.Random(0)).text


def wrong(sample):
    return right(sample).replace("happiness", "anger")


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_holds_is_kept_and_the_rest_has_its_reason(says, tmp_path, checkpoint, faces):
    says(lambda sample, n: ("Well.", wrong(sample), right(sample))[n % 3])
    made = recipe(tmp_path, checkpoint, faces)
    counts = gathering.gather(made, 1, checkpoint)
    assert (counts["prompts"], counts["answers"], counts["held"], counts["rows"]) == (4, 12, 4, 4)
    assert counts["reasons"] == {"unreadable": 4, "wrong_emotion": 4}
    rows, rejects = (read(made.folder(1) / f"{name}.jsonl") for name in ("rows", "rejects"))
    assert len(rejects) == 8 and all(row["reasons"] for row in rejects)
    by_id = {sample.id: sample for sample in read_samples(faces)}
    for row in rows:
        sample = by_id[row["sample_ids"][0]]
        question, answer = (m["content"][-1]["text"] for m in row["messages"])
        assert answer == right(sample) and sample.split == "train"
        assert "happiness" not in question or "anger" in question, "no label in the prompt"
        assert row["landmarks"][0][0] == [list(p) for p in sample.faces[0].points]
        Image.open(made.folder(1) / row["images"][0]).verify()
    images = Answerer(checkpoint).processor.image_processor
    assert len(load_talks(Corpus(rows=made.folder(1) / "rows.jsonl"), images)) == 4

    says(lambda sample, n: pytest.fail("a whole round is not asked again"))
    assert gathering.gather(made, 1, checkpoint) == counts


def test_a_second_right_answer_is_not_kept_twice(says, tmp_path, checkpoint, faces):
    says(lambda sample, n: right(sample))
    made = recipe(tmp_path, checkpoint, faces)
    assert gathering.gather(made, 1, checkpoint)["rows"] == 4
    rejects = read(made.folder(1) / "rejects.jsonl")
    assert [row["reasons"] for row in rejects] == [[gathering.BETTER]] * 8


def test_a_model_that_is_never_right_is_one_line(says, tmp_path, checkpoint, faces):
    says(lambda sample, n: wrong(sample))
    with pytest.raises(FaceLLMError, match=r"none of 12 answers holds .*wrong_emotion \(12\)"):
        gathering.gather(recipe(tmp_path, checkpoint, faces), 1, checkpoint)


@pytest.mark.slow
def test_rounds_stop_where_the_reward_no_longer_rises(says, tmp_path, checkpoint, faces):
    says(lambda sample, n: right(sample) if n % 2 else wrong(sample))
    made = recipe(tmp_path, checkpoint, faces)
    best = rounds.improve(made)
    start, first = json.loads((tmp_path / "run/rounds.json").read_text())
    assert first["develop"]["value"] == start["develop"]["value"]
    assert first["corpus"] == first["rows"] > 0
    assert not made.folder(2).exists(), "the first round raised nothing"
    weights = "model.safetensors"
    assert (best / weights).read_bytes() == (checkpoint / weights).read_bytes()
    tuned = made.folder(1) / "tune/model" / weights
    assert tuned.read_bytes() != (checkpoint / weights).read_bytes()
    assert rounds.improve(made) == best, "a finished run says so"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reinforce": {"corpora": []}}, "reinforce names corpora"),
        ({"reinforce": {"max_steps": 1, "steps": 2}}, "steps"),
        ({"tune": {"stage": {"max_steps": 1, "objective": "answer", "wrong": 1}}}, "wrong"),
        ({"rubric": {"nice": 1}}, "nice"),
        ({"rounds": 0}, "rounds"),
    ],
)
def test_mistakes_in_the_recipe_are_named(tmp_path, checkpoint, faces, options, message):
    with pytest.raises(FaceLLMError, match=message):
        recipe(tmp_path, checkpoint, faces, **options)
