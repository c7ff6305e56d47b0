"""Faces asked about in other words and in the mirror; sets of pictures that are drawn whole."""

import json

import numpy as np
import pytest
from PIL import Image

from eval.benchmark import Benchmark
from eval.consistency import consistency_metrics
from eval.extras import extra_metrics
from eval.models.base import mirrored, shown
from eval.models.guess import Guess
from eval.models.stored import Stored
from eval.question import MIRROR, Answer
from eval.run import evaluate
from eval.score import score_answers
from facellm.core.errors import FaceLLMError
from facellm.core.evidence import Statement, Thought, conclude
from facellm.core.recipe import check
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, write_samples
from facellm.tasks import TASKS
from facellm.tasks.reasoning import ReasoningAnswer

WHO = Provenance(source="t", licence="none", subject_id="u")


def benchmark(corpus, **more):
    data = {"name": "b", "task": "expression", "corpus": corpus, **more}
    return check(Benchmark, data, "benchmark")


def answered(task, questions, texts):
    answers = {q.id: Answer(id=q.id, text=text) for q, text in zip(questions, texts, strict=True)}
    return score_answers(task, questions, answers)


def values(task, questions, texts):
    found = consistency_metrics(task, questions, answered(task, questions, texts))
    return {name: interval.value for name, interval in found.items()}


@pytest.mark.parametrize("style", ["varied", "prose"])
def test_variants_differ_in_words_and_in_nothing_else(corpus, style):
    questions = benchmark(corpus, variants=3, style=style, limit=9).questions()
    assert [q.id.rsplit("/", 1)[1] for q in questions] == ["1", "2", "3"] * 3
    for n in range(0, 9, 3):
        one = questions[n : n + 3]
        assert len({q.text for q in one}) == 3
        assert len({q.about for q in one}) == len({q.gold_json for q in one}) == 1


def test_one_variant_is_asked_as_before(corpus):
    one = benchmark(corpus, style="varied").questions()
    three = benchmark(corpus, style="varied", variants=3).questions()
    assert [q.text for q in one] == [q.text for q in three if q.id.endswith("/1")]
    assert [q.id for q in one] == [q.about for q in one]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"variants": 2}, "canonical style has one wording"),
        ({"variants": 2, "task": "region_question", "style": "varied"}, "need one of the tasks"),
        ({"mirrored": True, "task": "caption"}, "need one of the tasks"),
        ({"mirrored": True, "corruption": "blur:1"}, "leave corruption away"),
        ({"corruption": "mirror"}, "corruption 'mirror' is unknown"),
        ({"corruption": "fog:1"}, "corruption 'fog:1' is unknown"),
    ],
)
def test_what_cannot_be_asked_again_is_refused(corpus, more, message):
    with pytest.raises(FaceLLMError, match=message):
        benchmark(corpus, **more)


def test_more_variants_than_there_are_words_for(corpus):
    with pytest.raises(FaceLLMError, match=r"has 12 wordings of style varied .* lower variants"):
        benchmark(corpus, style="varied", variants=40).questions()


@pytest.fixture
def two_faces(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (50, 100, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    faces = []
    for x, emotion in ((0, "anger"), (40, "sadness")):
        points = [(x + n / 4, n / 2) for n in range(68)]
        labels = FaceLabels(emotion=emotion)
        visible = [n != 36 for n in range(68)]
        faces.append(Face(box=(x, 0, x + 30, 40), points=points, visible=visible, labels=labels))
    sample = Sample(id="s", image="p.png", faces=faces, provenance=WHO, split="test")
    write_samples(tmp_path / "samples.jsonl", [sample])
    return tmp_path


def test_in_the_mirror_faces_are_counted_from_the_other_side(two_faces):
    questions = benchmark(two_faces, mirrored=True).questions()
    assert [q.id for q in questions] == ["s/1", "s/1/mirror", "s/2", "s/2/mirror"]
    texts = [q.text.split(" does ")[1].split(" show")[0] for q in questions]
    assert texts == ["face 1", "face 2", "face 2", "face 1"]
    assert [q.gold.emotion for q in questions] == ["anger", "anger", "sadness", "sadness"]
    plain, flipped = shown(questions[0]), shown(questions[1])
    assert np.array_equal(np.asarray(flipped.image), np.asarray(plain.image)[:, ::-1])
    first, second = flipped.faces
    assert (first.labels.emotion, second.labels.emotion) == ("sadness", "anger")
    assert (first.box, second.box) == ((30, 0, 60, 40), (70, 0, 100, 40))
    # The subject's right eye's outer corner (36) is where the left eye's (45) was, and hidden.
    assert second.points[36] == (100 - 45 / 4, 45 / 2)
    assert second.visible.index(False) == 45


def test_mirrored_twice_is_the_face_itself(two_faces):
    [face, _] = benchmark(two_faces).questions()[0].sample.faces
    assert mirrored(mirrored(face, 100), 100) == face


def test_head_and_eyes_turn_with_the_mirrored_picture():
    labels = FaceLabels(emotion="anger", pose=(0.1, 0.2, -0.3), gaze=(0.1, -0.2))
    found = mirrored(Face(box=(0, 0, 9, 9), labels=labels), 10).labels
    assert found == FaceLabels(emotion="anger", pose=(0.1, -0.2, 0.3), gaze=(0.1, 0.2))


def test_agreement_over_wordings_by_hand(corpus):
    questions = benchmark(corpus, style="varied", variants=3, limit=6).questions()
    # First face: anger anger fear → of the pairs 12 13 23 one agrees. Second: all three agree.
    assert values("expression", questions, ["anger", "anger", "fear", *["anger"] * 3]) == {
        "wording_emotion": pytest.approx((1 + 3) / 6)
    }
    # Unparsable answers agree with none, not even with each other; the last answer is missing, so
    # one pair of the second face is left.
    texts = ["?", "?", "anger", "fear", "fear", None]
    found = consistency_metrics("expression", questions, answered("expression", questions, texts))
    assert found["wording_emotion"].value == pytest.approx(1 / 4)
    assert found["wording_emotion"].n == 4


def test_agreement_of_units_by_hand(corpus):
    questions = benchmark(
        corpus, task="action_units", style="varied", variants=2, limit=4
    ).questions()
    # Present at 2: {1, 2} and {2, 4} → F1 2·1/4; nothing and nothing → 1.
    texts = ['{"AU1": 2, "AU2": 3}', '{"AU1": 1, "AU2": 5, "AU4": 2}', "{}", '{"AU6": 1}']
    assert values("action_units", questions, texts) == {"wording_units": pytest.approx(0.75)}


def reasoning(region):
    statements = (
        Statement(region=region, text="outer corner raised", action_unit=2, intensity=3),
        Statement(region="mouth", text="lips parted", action_unit=25),
    )
    thought = Thought(statements=statements, conclusion=conclude([2], "surprise"))
    return TASKS["reasoning"].render(ReasoningAnswer(emotion="surprise", thought=thought))


@pytest.mark.parametrize(
    ("there", "then", "sides"),
    [
        ("left_brow", "right_brow", 1.0),
        ("left_brow", "left_brow", 0.0),
        ("left_brow", "brows", 0.0),
        ("brows", "brows", None),
    ],
)
def test_sides_swap_in_the_mirror(corpus, there, then, sides):
    questions = benchmark(corpus, task="reasoning", mirrored=True, limit=2).questions()
    assert questions[1].corruption == MIRROR
    texts = [reasoning(there), reasoning(then)]
    found = values("reasoning", questions, texts)
    assert (found["mirror_emotion"], found["mirror_units"]) == (1.0, 1.0)
    assert found.get("mirror_sides") == sides


def test_gold_agrees_with_itself_and_strangers_do_not(corpus, tmp_path):
    asked = benchmark(corpus, task="reasoning", style="varied", variants=2, mirrored=True)
    for kind, low, high in (("gold", 1.0, 1.0), ("shuffled", 0.0, 0.3)):
        model = Guess(kind=kind, task="reasoning")
        result, _ = evaluate(asked, asked.questions(), kind, model, tmp_path)
        for name in ("wording_emotion", "mirror_emotion"):
            assert low <= result.metrics[name].value <= high


def test_a_table_of_predictions_answers_every_wording_and_no_mirror(corpus, tmp_path):
    asked = benchmark(corpus, style="varied", variants=2, mirrored=True)
    ids = dict.fromkeys(q.sample.id for q in asked.questions())
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps({"id": i, "text": "anger"}) + "\n" for i in ids))
    model = Stored(path=path)
    for _ in range(2):  # a rerun asks for what is missing, and again finds nothing to complain of
        result, _ = evaluate(asked, asked.questions(), "m", model, tmp_path)
        assert (result.asked, result.answered, result.extra_rows) == (150, 100, 0)
    assert result.failures == {"no answer: p.jsonl is about the pictures as stored, not mirror": 50}


@pytest.fixture
def pairs(tmp_path, corpus):
    lines = (corpus / "samples.jsonl").read_text()
    (tmp_path / "samples.jsonl").write_text(lines)
    ids = [json.loads(line)["id"] for line in lines.splitlines()]
    rows = [{"unit": 12, "off": a, "on": b} for a, b in zip(ids[::2], ids[1::2], strict=True)]
    rows = [row for row in rows if int(row["on"][1:]) % 6 != 5]  # those are of another split
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path, {(row["off"], row["on"]) for row in rows}


@pytest.mark.parametrize("limit", [2, 7, 20])
def test_a_limited_run_draws_whole_pairs(pairs, limit):
    corpus, linked = pairs
    asked = benchmark(corpus, task="action_units", limit=limit)
    questions = asked.questions()
    drawn = {q.sample.id for q in questions}
    assert 0 < len(questions) <= limit
    assert all((off in drawn) == (on in drawn) for off, on in linked)
    scored = answered("action_units", questions, ["{}"] * len(questions))
    whole = sum(off in drawn for off, _ in linked)
    assert extra_metrics(asked, questions, scored, None)["pair_flipped"].n == whole > 0


def test_sets_named_in_the_samples_are_drawn_whole(tmp_path, corpus):
    samples = [Sample.model_validate_json(x) for x in (corpus / "samples.jsonl").open()]
    named = [s.model_copy(update={"pair": f"{n % 10}"}) for n, s in enumerate(samples)]
    write_samples(tmp_path / "samples.jsonl", named)
    whole = [q.sample.pair for q in benchmark(tmp_path).questions()]
    drawn = [q.sample.pair for q in benchmark(tmp_path, limit=13).questions()]
    assert 0 < len(drawn) <= 13
    assert all(drawn.count(name) == whole.count(name) for name in drawn)


def test_a_limit_below_one_pair_says_so(pairs):
    corpus, _ = pairs
    (corpus / "samples.jsonl").write_text(
        "".join((corpus / "samples.jsonl").open().readlines()[:2])
    )
    with pytest.raises(FaceLLMError, match="limit of 1 is less than the 2 questions"):
        benchmark(corpus, limit=1).questions()


def test_a_broken_line_of_pairs_is_named(pairs):
    corpus, _ = pairs
    (corpus / "pairs.jsonl").write_text('{"unit": 12, "off": "a"}\n')
    with pytest.raises(FaceLLMError, match=r"pairs\.jsonl:1 is no pair"):
        benchmark(corpus, limit=4).questions()
