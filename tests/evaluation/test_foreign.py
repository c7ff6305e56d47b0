"""Free answers of other models become the tasks' records, or failures; nothing is guessed."""

import random

import pytest

from eval.benchmark import Benchmark
from eval.foreign import read_foreign
from eval.question import Answer
from eval.score import score_answers
from facellm.core.grammar import ParseFailure
from facellm.tasks import TASKS
from facellm.tasks.response import NO_FACE


@pytest.mark.parametrize("register", ["task", "prose"])
@pytest.mark.parametrize("task", TASKS)
def test_our_own_grammar_is_read_as_by_the_task_itself(corpus_of, task, register):
    style = "prose" if register == "prose" else "canonical"
    asked = Benchmark(name="b", task=task, corpus=corpus_of(task), style=style).questions()
    for question in asked[:20]:
        text = TASKS[task].render(question.gold, register, random.Random(0))
        assert read_foreign(task, text) == TASKS[task].parse(text)


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("The person in the image appears to be **happy**, as the smile indicates.", "happiness"),
        ('```json\n{"emotion": "Sad", "confidence": 0.9}\n```', "sadness"),
        ("Final answer: anger.", "anger"),
        ("<think>fear? no.</think><answer>surprise</answer>", "surprise"),
        ("happy or surprised", None),
        ("I'm sorry, I can't identify people's emotions.", None),
        ("The nose is wrinkled.", None),
        ("not angry", None),
        ("", None),
    ],
)
def test_expressions(text, emotion):
    answer = read_foreign("expression", text)
    assert getattr(answer, "emotion", None) == emotion
    assert isinstance(answer, ParseFailure) == (emotion is None)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("AU6 (Cheek Raiser): 3, AU12 (Lip Corner Puller): 4", {6: 3.0, 12: 4.0}),
        ("- AU1\n- AU4", {1: 2.0, 4: 2.0}),  # stated without an intensity counts as 2
        ('{"action_units": ["AU6", "AU12"]}', {6: 2.0, 12: 2.0}),
        ("AU4 is absent, AU12: 3", {4: 0.0, 12: 3.0}),
        ("No action units are active.", {}),
        ("AU6 or AU12", None),
        ("The person is smiling.", None),
    ],
)
def test_action_units(text, units):
    answer = read_foreign("action_units", text)
    assert getattr(answer, "units", None) == units


@pytest.mark.parametrize(
    ("text", "emotion", "units"),
    [
        (
            "<think>The cheeks are raised (AU6), AU12 too.</think><answer>happy</answer>",
            "happiness",
            {6, 12},
        ),
        ("AU4 and AU7 are active.\n\nFinal answer: anger", "anger", {4, 7}),
        ('{"emotion": "anger", "action_units": ["AU4", "AU7"]}', "anger", {4, 7}),
        ("**Happiness**. The mouth corners go up.", "happiness", None),
    ],
)
def test_reasoning_with_its_evidence(text, emotion, units):
    answer = read_foreign("reasoning", text)
    assert answer.emotion == emotion
    assert (None if answer.thought is None else set(answer.thought.units)) == units


def test_units_beyond_our_table_are_no_evidence_and_no_error():
    assert set(read_foreign("reasoning", "AU12 and AU41.\nAnswer: happy").thought.units) == {12}


@pytest.mark.parametrize(
    ("text", "region", "units"),
    [
        ('{"region": "mouth", "action_units": ["AU12"]}', "mouth", {12: 2.0}),
        ('{"region": "Nasolabial Folds", "aus": {"AU12": 3}}', "nasolabial_folds", {12: 3.0}),
        ("AU12 at intensity C", None, {12: 3.0}),
    ],
)
def test_regions(text, region, units):
    answer = read_foreign("region_question", text)
    assert (answer.region, answer.units) == (region, units)


def test_an_unknown_region_is_a_failure():
    answer = read_foreign("region_question", '{"region": "hair", "action_units": ["AU12"]}')
    assert isinstance(answer, ParseFailure) and "hair is no face region" in answer.reason


def test_captions_state_what_the_readers_find_in_them():
    assert read_foreign("caption", "She seems happy. AU6 and AU12: 3.").units == {6: None, 12: 3.0}
    assert read_foreign("caption", "AU4 is absent; AU12 is active here.").units == {12: None}
    assert read_foreign("caption", "A face that shows AU6 or AU12.").units is None
    assert read_foreign("caption", "A woman looks at the camera.").units == {}


@pytest.mark.parametrize(
    ("task", "text", "answer"),
    [
        ("valence_arousal", "Valence: −0.4\nArousal: 0.2", {"valence": -0.4, "arousal": 0.2}),
        ("valence_arousal", "Valence: 4, Arousal: 2", None),
        ("age", "The person appears to be around 34 years old.", {"age": 34.0}),
        ("age", "The person is in their 30s.", None),
        ("age", '```json\n{"age": 34}\n```', {"age": 34.0}),
        ("head_pose", '```json\n{"pitch": 0.1, "yaw": 0, "roll": 0}\n```',
         {"pitch": 0.1, "yaw": 0.0, "roll": 0.0}),
        ("head_pose", '```json\n{"pitch": 10, "yaw": 0, "roll": 0}\n```', None),
        ("head_pose", "The head is turned to the left.", None),
        ("attributes", 'Sure: {"beard": true, "hat": false}',
         {"attributes": {"beard": True, "hat": False}}),
        ("attributes", '{"beard": "yes"}', None),
        ("attributes", '{"beard": true} {"beard": false}', None),
        ("quality", '```\n{"quality": 0.8}\n```', {"quality": 0.8}),
        ("quality", "The quality is good.", None),
        ("authenticity", "Yes, this face is authentic.", {"authentic": True}),
        ("authenticity", "**No**, it has been generated.", {"authentic": False}),
        ("authenticity", '```json\n{"authentic": false, "confidence": 0.9}\n```',
         {"authentic": False, "confidence": 0.9}),
        ("authenticity", '{"fake": true}', None),
        ("authenticity", '{"authentic": true} No.', None),
        ("authenticity", 'Yes.\n{"authentic": true}', {"authentic": True}),
        ("authenticity", "Yes, it is fake.", None),
        ("authenticity", "No, it is real.", None),
        ("authenticity", "Yes, but I can't be sure that it is.", None),
        ("authenticity", "The nose looks real.", None),
    ],
)  # fmt: skip
def test_exact_answers(task, text, answer):
    read = read_foreign(task, text)
    if answer is None:
        assert isinstance(read, ParseFailure)
        assert read.reason
    else:
        assert read.model_dump(exclude_none=True) == answer


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("There is no face in this image.", True),
        ("I'm sorry, but I don't see any faces in the picture.", True),
        ("No face is visible", True),
        ("There is no face without some anger.", False),
        ("I see no faces that look angry; all are happy.", False),
    ],
)
def test_a_missing_face_is_an_answer_only_where_nothing_else_is_said(text, missing):
    assert (read_foreign("expression", text) == NO_FACE) == missing


def test_scoring_reads_foreign_answers(corpus):
    questions = Benchmark(name="b", task="expression", corpus=corpus).questions()
    answers = {
        q.id: Answer(id=q.id, text=f"**Answer:** {q.gold.emotion.title()}") for q in questions
    }
    assert {one.score.value for one in score_answers("expression", questions, answers)} == {1.0}
