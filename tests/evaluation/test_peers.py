"""Tables in the true formats of other tools are scored by the shipped recipe's maps."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from PIL import Image
from pydantic import TypeAdapter

from eval.benchmark import Benchmark
from eval.models.stored import Stored
from eval.models.table import flat, read_table
from eval.recipe import Recipe
from eval.score import score_answers, summarise
from facellm.core.errors import FaceLLMError
from facellm.core.facs import PROTOCOLS
from facellm.core.recipe import load
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, write_samples

RECIPE = Path(__file__).parents[2] / "eval" / "recipes" / "peers.yaml"
BOXES = ((5.0, 5.0, 25.0, 25.0), (35.0, 8.0, 58.0, 30.0))
EMOTIONS = (("happiness", "sadness"), ("anger", "surprise"))
FEX = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
DEEP = {"anger": "angry", "happiness": "happy", "sadness": "sad", "surprise": "surprise"}
RECT = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two pictures of two people each."""
    folder = tmp_path_factory.mktemp("pairs")
    units = dict.fromkeys(PROTOCOLS["rig23"].units, 0.0)
    samples = []
    for n, emotions in enumerate(EMOTIONS):
        Image.new("RGB", (64, 40)).save(folder / f"img{n}.jpg")
        faces = [
            Face(box=box, labels=FaceLabels(emotion=e, action_units={**units, 12: 4.0 - n - k}))
            for k, (box, e) in enumerate(zip(BOXES, emotions, strict=True))
        ]
        where = Provenance(source="t", licence="none", subject_id=f"u{n}")
        samples.append(
            Sample(id=f"s{n}", image=f"img{n}.jpg", faces=faces, provenance=where, split="test")
        )
    write_samples(folder / "samples.jsonl", samples)
    return folder


def asked(corpus, task="expression"):
    return Benchmark(name="b", task=task, corpus=corpus).questions()


def answers(model, questions):
    async def collect():
        return {answer.id: answer async for answer in model.answers(questions)}

    return asyncio.run(collect())


def values(task, questions, got):
    return [one and one.score.value for one in score_answers(task, questions, got)]


def csv(path, header, rows):
    path.parent.mkdir(exist_ok=True)
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join([",".join(header), *lines]) + "\n")
    return path


def shipped(name, monkeypatch, peers):
    """The model of that name in the shipped recipe."""
    monkeypatch.setenv("PEERS", str(peers))
    monkeypatch.setenv("CORPUS", "nowhere")
    return load(Recipe, RECIPE).models[name]


def commented(name):
    """The model of that name in the recipe's closing comment."""
    text = RECIPE.read_text().split("Action units, in a recipe")[1]
    block = "\n".join(line.removeprefix("#")[1:] for line in text.splitlines()[2:])
    return yaml.safe_load(block)[name]


def fex_rows():
    """Two faces a picture, the right one first, as a detector may sort them by confidence."""
    for n, emotions in enumerate(EMOTIONS):
        for k in (1, 0):
            x0, y0, x1, y1 = BOXES[k]
            scores = [0.7 if name == emotions[k] else 0.05 for name in FEX]
            au12 = (4.0 - n - k) / 4
            rect = [x0 + 1, y0 - 1, x1 - x0, y1 - y0]
            yield [n, f"/data/img{n}.jpg", *rect, 0.99, 0.1, 0.0, -0.2, au12, *scores]


FEX_HEADER = ["frame", "input", *RECT, "FaceScore", "Pitch", "Roll", "Yaw", "AU12", *FEX]


def test_pyfeat_faces_are_matched_by_their_box(tmp_path, pair, monkeypatch):
    csv(tmp_path / "fex.csv", FEX_HEADER, fex_rows())
    questions = asked(pair)
    got = answers(shipped("py-feat", monkeypatch, tmp_path), questions)
    assert values("expression", questions, got) == [1.0] * 4
    likely = got["s0/1"].probabilities
    assert likely["happiness"] == pytest.approx(0.7) and sum(likely.values()) == pytest.approx(1)


def test_pyfeat_probability_one_half_is_where_a_unit_is_present(tmp_path, pair):
    rows = [[*row[:10], 0.5, *row[11:]] for row in fex_rows()]
    csv(tmp_path / "fex.csv", FEX_HEADER, rows)
    model = Stored.model_validate({**commented("py-feat"), "path": tmp_path / "fex.csv"})
    assert json.loads(answers(model, asked(pair, "action_units"))["s0/1"].text[8:-9]) == {"AU12": 2}


def test_pyfeat_rows_without_a_face_are_no_answer(tmp_path, pair, monkeypatch):
    empty = [0, "img0.jpg", *[""] * (len(FEX_HEADER) - 2)]
    csv(tmp_path / "fex.csv", FEX_HEADER, [empty, *list(fex_rows())[2:]])
    model = shipped("py-feat", monkeypatch, tmp_path)
    got = answers(model, asked(pair))
    assert [answer.text is None for answer in got.values()] == [True, True, False, False]
    assert model.extra_rows(asked(pair)) == [2]


def test_a_face_found_twice_takes_the_better_box(tmp_path, pair, monkeypatch):
    rows = list(fex_rows())
    worse = [*rows[0][:2], BOXES[1][0] - 6, *rows[0][3:11], *[0.9, 0, 0, 0, 0, 0, 0]]
    csv(tmp_path / "fex.csv", FEX_HEADER, [worse, *rows])
    model = shipped("py-feat", monkeypatch, tmp_path)
    questions = asked(pair)
    assert values("expression", questions, answers(model, questions)) == [1.0] * 4
    assert model.extra_rows(questions) == [2]


def test_openface_writes_a_file_a_picture(tmp_path, corpus):
    """Columns as FaceLandmarkImg of OpenFace 2.2 writes them, some names padded."""
    questions = asked(corpus, "action_units")
    numbers = PROTOCOLS["openface17r"].units
    header = ["face", " confidence", " gaze_0_x", " pose_Rx"]
    header += [f" AU{n:02d}_r" for n in numbers] + [f" AU{n:02d}_c" for n in (*numbers, 28)]
    for question in questions:
        stem = Path(question.sample.image).stem
        strength = [question.gold.units.get(n, 0.0) for n in numbers]
        present = [float(value >= 1) for value in (*strength, 0.0)]
        csv(tmp_path / "out" / f"{stem}.csv", header, [[0, 0.98, 0.1, 0.2, *strength, *present]])
    model = Stored.model_validate({**commented("openface"), "path": tmp_path / "out"})
    got = answers(model, questions)
    result = summarise(
        "o", "b", "action_units", questions, got, score_answers("action_units", questions, got)
    )
    assert not result.partial and result.metrics["f1"].value == 1.0


def deepface(emotion, box):
    x0, y0, x1, y1 = map(int, box)
    return {
        "age": 31,
        "region": {"x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0, "left_eye": [1, 2]},
        "face_confidence": 0.92,
        "gender": {"Woman": 99.1, "Man": 0.9},
        "dominant_gender": "Woman",
        "race": {"asian": 20.0, "white": 80.0},
        "dominant_race": "white",
        "emotion": {**dict.fromkeys(DEEP.values(), 1.0), DEEP[emotion]: 95.0, "neutral": 2.0},
        "dominant_emotion": DEEP[emotion],
    }


def deepface_results():
    return {
        f"/data/img{n}.jpg": [deepface(e, box) for e, box in zip(emotions, BOXES, strict=True)]
        for n, emotions in enumerate(EMOTIONS)
    }


def test_deepface_as_nested_json(tmp_path, pair, monkeypatch):
    (tmp_path / "deepface.json").write_text(json.dumps(deepface_results()))
    questions = asked(pair)
    got = answers(shipped("deepface", monkeypatch, tmp_path), questions)
    assert values("expression", questions, got) == [1.0] * 4
    assert got["s1/1"].probabilities["anger"] == pytest.approx(0.95)


def test_deepface_as_a_flat_csv(tmp_path, pair):
    rows = [
        {"img_path": name, **flat(face)}
        for name, faces in deepface_results().items()
        for face in faces
    ]
    for row in rows:
        row.pop("region.left_eye")
    csv(tmp_path / "d.csv", list(rows[0]), [row.values() for row in rows])
    model = Stored(
        path=tmp_path / "d.csv",
        id="img_path",
        columns={
            "emotion": "dominant_emotion",
            "box": ("region.x", "region.y", "region.w", "region.h"),
        },
    )
    assert values("expression", asked(pair), answers(model, asked(pair))) == [1.0] * 4


def test_deepface_that_found_no_face_gives_no_answer(tmp_path, pair, monkeypatch):
    results = deepface_results()
    results["/data/img0.jpg"][0]["face_confidence"] = 0
    (tmp_path / "deepface.json").write_text(json.dumps(results))
    got = answers(shipped("deepface", monkeypatch, tmp_path), asked(pair))
    assert got["s0/1"].text is None and "no face was found" in got["s0/1"].error


def test_rows_with_labels_and_confidences(tmp_path, corpus, monkeypatch):
    words = {"happiness": "Happy", "neutral": "Others"}
    questions = asked(corpus)
    rows = [
        {
            "image": q.sample.image,
            "expression": words.get(q.gold.emotion, q.gold.emotion.title()),
            "confidence": 0.93,
            "age": "20-29",
            "gender": "Female",
        }
        for q in questions
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    got = answers(shipped("rows", monkeypatch, tmp_path), questions)
    scored = score_answers("expression", questions, got)
    others = sum(q.gold.emotion == "neutral" for q in questions)
    result = summarise("r", "b", "expression", questions, got, scored)
    assert others and result.unparsed == others  # a label of null is counted, not guessed
    assert result.metrics["accuracy"].value == pytest.approx(1 - others / len(questions))


def test_chat_answers_go_through_the_reader(tmp_path, corpus, monkeypatch):
    questions = asked(corpus)
    rows = [
        {"image": q.sample.image, "response": f"**Emotion:** {q.gold.emotion}."} for q in questions
    ]
    (tmp_path / "chat.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    got = answers(shipped("chat", monkeypatch, tmp_path), questions)
    assert set(values("expression", questions, got)) == {1.0}


def test_baselines_tables_are_read_with_their_probabilities(tmp_path, corpus, monkeypatch):
    questions = asked(corpus)
    header = ["id", "face", "emotion", *FEX, "contempt"]
    rows = [
        [q.sample.id, 1, q.gold.emotion, *[float(e == q.gold.emotion) for e in header[3:]]]
        for q in questions
    ]
    csv(tmp_path / "resnet18.csv", header, rows)
    got = answers(shipped("resnet18", monkeypatch, tmp_path), questions)
    assert set(values("expression", questions, got)) == {1.0}
    assert all(max(answer.probabilities.values()) == 1.0 for answer in got.values())


@pytest.mark.parametrize(
    ("cells", "columns", "message"),
    [
        ({"happy": 1, "happiness": 0}, {"emotions": "{}"}, "are both about happiness"),
        ({"score": 1}, {"emotions": "p_{}"}, "no column like 'p_happy'"),
        ({"happy": "much"}, {"emotions": "{}"}, "'much' in column 'happy' is no number"),
        ({"AU12": "C"}, {"units": "AU{:02d}"}, "'C' in column 'AU12' is no number"),
        ({"AU12_r": 1}, {"units": "AU{:02d}_c"}, "no column like 'AU12_c'"),
        ({"x": 1}, {"text": "x", "box": ["x", "y", "w", "h"]}, "no column 'y'"),
        ({"x": 1}, {"text": "x", "found": "success"}, "no column 'success'"),
    ],
)
def test_mistakes_name_the_row(tmp_path, corpus, cells, columns, message):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"id": "s000", **cells}) + "\n")
    with pytest.raises(FaceLLMError) as error:
        answers(Stored(path=path, columns=columns), asked(corpus))
    assert message in str(error.value) and "p.jsonl:1" in str(error.value)


def test_a_map_that_names_no_answer_is_refused():
    with pytest.raises(ValueError, match="text, emotion, emotions or units"):
        TypeAdapter(Stored).validate_python({"path": "x.csv", "columns": {"face": "n"}})


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FaceLLMError, match="no csv file in"):
        read_table(tmp_path / "empty")
    (tmp_path / "n.json").write_text("[1, 2]")
    with pytest.raises(FaceLLMError, match="'1' where a row is expected"):
        read_table(tmp_path / "n.json")


def test_json_lines_under_the_name_json(tmp_path):
    (tmp_path / "l.json").write_text('{"a": {"b": 1}}\n{"a": {"b": 2}}\n')
    assert [row.cells for row in read_table(tmp_path / "l.json")] == [{"a.b": 1}, {"a.b": 2}]
