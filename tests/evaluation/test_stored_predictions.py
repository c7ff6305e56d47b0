"""Tables of other tools: their columns and words are mapped, their mistakes are found."""

import asyncio
import json

import pytest

from eval.benchmark import Benchmark
from eval.models.stored import Stored
from eval.score import score_answers
from facellm.core.errors import FaceLLMError
from facellm.core.facs import PROTOCOLS

DEEPFACE = {"angry": "anger", "happy": "happiness", "sad": "sadness", "disgust": "disgust"}


@pytest.fixture
def questions(corpus):
    return Benchmark(name="b", task="expression", corpus=corpus).questions()


@pytest.fixture
def units(corpus):
    return Benchmark(name="b", task="action_units", corpus=corpus).questions()


def answers(model, questions):
    async def collect():
        return {answer.id: answer async for answer in model.answers(questions)}

    return asyncio.run(collect())


def table(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_deepface_style_labels(tmp_path, questions):
    words = {"anger": "angry", "happiness": "happy", "sadness": "sad"}
    rows = [(f"/x/{q.sample.image}", words.get(q.gold.emotion, q.gold.emotion)) for q in questions]
    path = table(tmp_path / "d.csv", "img_path,dominant_emotion", rows)
    model = Stored(
        path=path, id="img_path", columns={"emotion": "dominant_emotion"}, labels=DEEPFACE
    )
    scored = score_answers("expression", questions, answers(model, questions))
    assert [one.score.value for one in scored] == [1.0] * len(questions)


@pytest.mark.parametrize(("form", "scale"), [("AU{:02d}_r", 1.0), ("AU{:02d}", 5.0)])
def test_openface_and_pyfeat_style_units(tmp_path, units, form, scale):
    numbers = PROTOCOLS["rig23"].units
    header = ",".join(["input", *(" " + form.format(n) for n in numbers)])
    rows = [(q.sample.id, *(q.gold.units.get(n, 0) / scale for n in numbers)) for q in units]
    path = table(tmp_path / "o.csv", header, rows)
    model = Stored(path=path, id="input", columns={"units": form}, unit_scale=scale)
    scored = score_answers("action_units", units, answers(model, units))
    assert min(one.score.value for one in scored) > 0.99


def test_raw_answers_of_a_chat_model(tmp_path, questions):
    path = tmp_path / "raw.jsonl"
    path.write_text(
        "".join(json.dumps({"id": q.sample.id, "text": "anger"}) + "\n" for q in questions)
    )
    assert {a.text for a in answers(Stored(path=path), questions).values()} == {"anger"}


def test_a_face_without_a_row_and_rows_about_others_are_counted(tmp_path, questions):
    rows = [(q.sample.id, "anger") for q in questions[:-3]] + [("stranger", "anger")]
    path = table(tmp_path / "p.csv", "id,emotion", rows)
    model = Stored(path=path, columns={"emotion": "emotion"})
    got = answers(model, questions)
    assert sum(a.text is None for a in got.values()) == 3
    assert len(model.extra_rows(questions)) == 1


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("id,emotion", [("s000", "hungry")], r"p.csv:2: 'hungry' is no known emotion; map it"),
        ("id,emotion", [("s000", "anger")] * 2, r"rows 2 and 3 are both about 's000'"),
        ("id,feeling", [("s000", "anger")], r"p.csv:2 has no column 'emotion'; its columns are id"),
        ("id,emotion", [("zzz", "anger")], r"none of its 1 rows is about a picture"),
        ("id,emotion", [], r"p.csv holds no predictions; expected one row a face"),
    ],
)
def test_mistakes_in_a_table_name_file_and_row(tmp_path, questions, header, rows, message):
    path = table(tmp_path / "p.csv", header, rows)
    with pytest.raises(FaceLLMError, match=message):
        answers(Stored(path=path, columns={"emotion": "emotion"}), questions)


def test_a_missing_or_broken_file(tmp_path, questions):
    with pytest.raises(FaceLLMError, match="no predictions"):
        answers(Stored(path=tmp_path / "none.csv"), questions)
    (tmp_path / "b.jsonl").write_text('{"id": "s000", "text": "anger"}\n{"id": \n')
    with pytest.raises(FaceLLMError, match=r"b.jsonl:2 is not JSON"):
        answers(Stored(path=tmp_path / "b.jsonl"), questions)
