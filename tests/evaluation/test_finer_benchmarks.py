"""Open words on wheels, joined pictures, and free answers about gaze, comparison and events."""

import json

import pytest

from eval.benchmark import Benchmark
from eval.extras import extra_metrics
from eval.foreign import read_foreign
from eval.question import Answer
from eval.score import score_answers
from eval.side_by_side import side_by_side
from facellm.core.errors import FaceLLMError
from facellm.core.grammar import ParseFailure
from facellm.core.sample import read_samples, write_samples

WHEELS = {
    "wheels": {"one": {"bad": ["anger", "fear", "sadness", "disgust"], "good": ["joy", "glad"]}},
    "synonyms": {"happiness": "joy"},
}


def plain(corpus, folder):
    """The corpus with nothing but the eight emotions."""
    folder.mkdir()
    kept = []
    for sample in read_samples(corpus):
        labels = sample.faces[0].labels.model_copy(update={"expression": None})
        face = sample.faces[0].model_copy(update={"labels": labels})
        kept.append(sample.model_copy(update={"faces": [face]}))
    write_samples(folder / "samples.jsonl", kept)
    return folder


def test_wheels_are_reached_from_a_recipe(tmp_path, corpus):
    path = tmp_path / "wheels.json"
    path.write_text(json.dumps(WHEELS))
    folder = plain(corpus, tmp_path / "plain")
    benchmark = Benchmark(name="o", task="open_emotion", corpus=folder, wheels=path)
    questions = benchmark.questions()

    def numbers(say):
        answers = {
            q.id: Answer(id=q.id, text=json.dumps({"emotions": [say(q)]})) for q in questions
        }
        scored = score_answers("open_emotion", questions, answers)
        return extra_metrics(benchmark, questions, scored, None)

    gold = numbers(lambda q: q.gold.emotions[0])
    assert gold["wheel_f"].value == gold["wheel_hit"].value == 1.0
    assert gold["wheel_f/one"].value == 1.0
    # Another word of the same cluster is right on the wheel and no hit.
    kin = {"anger": "fear", "fear": "anger", "sadness": "anger", "disgust": "fear",
           "happiness": "glad"}  # fmt: skip
    other = numbers(lambda q: kin.get(q.gold.emotions[0], "boredom"))
    assert other["wheel_f"].value == 1.0 and other["wheel_hit"].value == 0.0


def test_wheels_that_cannot_be(tmp_path, corpus):
    with pytest.raises(ValueError, match="no emotion wheels at"):
        Benchmark(name="o", task="open_emotion", corpus=corpus, wheels=tmp_path / "none.json")
    with pytest.raises(ValueError, match="wheels need the task open_emotion"):
        Benchmark(name="o", task="expression", corpus=corpus, wheels=tmp_path / "none.json")


def test_joined_pictures_keep_labels_and_places(tmp_path, corpus):
    out = side_by_side(corpus, tmp_path / "joined")
    again = side_by_side(corpus, tmp_path / "again")
    assert (out / "samples.jsonl").read_bytes() == (again / "samples.jsonl").read_bytes()
    alone = {sample.faces[0].labels.model_dump_json(): sample for sample in read_samples(corpus)}
    joined = list(read_samples(out))
    assert len(joined) > 20
    for sample in joined:
        left, right = sample.faces
        one, two = (alone[face.labels.model_dump_json()] for face in (left, right))
        assert one.provenance.subject_id == two.provenance.subject_id
        assert one.split == two.split == sample.split
        assert left.box == one.faces[0].box
        assert right.box == tuple(v + 64 * (n % 2 == 0) for n, v in enumerate(two.faces[0].box))
        assert right.points[5][0] == pytest.approx(two.faces[0].points[5][0] + 64, abs=0.01)


def test_pairs_of_a_rigbench_are_joined_and_sides_drawn(tmp_path, corpus):
    folder = plain(corpus, tmp_path / "pairs")
    for file in corpus.glob("*.png"):
        (folder / file.name).write_bytes(file.read_bytes())
    ids = [sample.id for sample in read_samples(corpus)]
    rows = [{"unit": 12, "off": a, "on": b} for a, b in zip(ids[::2], ids[1::2], strict=True)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    joined = list(read_samples(side_by_side(folder, tmp_path / "out")))
    assert len(joined) == len(rows)
    labels = {s.faces[0].labels.model_dump_json(): s.id for s in read_samples(folder)}
    lefts = [labels[s.faces[0].labels.model_dump_json()] for s in joined]
    assert 5 < sum(left == row["off"] for left, row in zip(lefts, rows, strict=True)) < 25


def test_a_corpus_without_two_of_anybody(tmp_path, corpus):
    write_samples(tmp_path / "samples.jsonl", list(read_samples(corpus))[:3])
    with pytest.raises(FaceLLMError, match="no two pictures of one person"):
        side_by_side(tmp_path, tmp_path / "out")


@pytest.mark.parametrize(
    ("task", "text", "answer"),
    [
        ("gaze", '```json\n{"direction": "up left"}\n```', {"direction": "up left"}),
        ("gaze", "She looks to the left.", None),  # whose left?
        ("emotion40", "**Astonishment/Surprise**", {"category": "astonishment/surprise"}),
        ("emotion40", "The person seems embarrassed.", {"category": "embarrassment"}),
        ("emotion40", "Category: fatigue", {"category": "fatigue/exhaustion"}),
        ("emotion40", "The person looks happy.", None),
        ("emotion40", "Fear or distress.", None),
        ("emotion40", "I hope this helps!", None),
        ("emotion40", "Not pain.", None),
        ("compound_expression", "She looks happily surprised.", {"category": "happily surprised"}),
        ("compound_expression", "She looks happy and surprised.", None),
        ("open_emotion", "joy, relief", {"emotions": ("joy", "relief")}),
        ("open_emotion", '["joy", "relief"]', {"emotions": ("joy", "relief")}),
        ("open_emotion", '```json\n{"emotions": ["Joy"]}\n```', {"emotions": ("joy",)}),
        ("open_emotion", "I cannot tell.", None),
        ("open_emotion", "She seems to feel joy and perhaps relief.", None),
        ("comparison", "Same: false", {"same": False}),
        ("comparison", "More: face 2", {"more": 2}),
        ("comparison", "Answer: <answer>neither</answer>", {"equal": True}),
        ("comparison", "Yes", None),
        ("comparison", "Face 1, or perhaps face 2.", None),
        ("dynamics", "AU1 -> AU26 -> AU12", {"events": ("AU1", "AU26", "AU12")}),
        ("dynamics", "AU1 and AU12", None),
        ("dynamics", "She smiles.", None),
    ],
)  # fmt: skip
def test_free_answers(task, text, answer):
    read = read_foreign(task, text)
    if answer is None:
        assert isinstance(read, ParseFailure) and read.reason
        return
    found = read.model_dump(exclude_defaults=True)
    if task == "dynamics":
        found = {"events": tuple(event["action_unit"] for event in found["events"])}
    assert found == answer
