"""What every task promises: gold scores 1, nonsense scores 0, questions and answers belong."""

import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from task_samples import full, sample, samples

from facellm.core.grammar import TAGS, ParseFailure
from facellm.core.sample import Event, FaceLabels, Sample
from facellm.tasks import TASKS
from facellm.tasks.base import Scored
from facellm.tasks.response import NO_FACE, Register, Unanswerable, render_unanswerable

REGISTERS: tuple[Register, ...] = ("task", "prose")
HAPPY = full("happiness", AU6=3.0, AU12=4.0, AU25=1.0).model_copy(
    update={
        "pose": (0.0, 0.5, 0.0), "valence": 0.8, "arousal": 0.3, "age": 34.0, "quality": 0.9,
        "attributes": {"eyeglasses": True, "beard": False}, "authentic": True,
        "gaze": (0.0, 0.3), "expression": "elation",
        "events": (
            Event(action_unit=6, onset=None, apex=0.4, offset=2.0, intensity=3),
            Event(action_unit=12, onset=0.8, apex=1.6, offset=None, intensity=4),
        ),
    }
)  # fmt: skip
SAD = full("sadness", AU1=3.0, AU4=2.0, AU15=4.0).model_copy(
    update={
        "pose": (-0.3, 0.0, 0.1), "valence": -0.6, "arousal": -0.4, "age": 8.0, "quality": 0.2,
        "attributes": {"eyeglasses": False, "hat": True}, "authentic": False,
        "gaze": (-0.3, -0.2), "expression": "pain",
        "events": (Event(action_unit=15, onset=0.1, apex=0.9, offset=1.2, intensity=4),),
    }
)  # fmt: skip
GARBLED = (
    "", " ", "{", "{}", "[]", "null", "<answer></answer>", "<answer>{}</answer>", "<answer>{}",
    '<answer>{"emotion": "hangry"}</answer>', '<answer>{"error": "no idea"}</answer>',
    "<think></think>", "</answer><answer>", '{"emotion": "happiness"} {"emotion": "happiness"}',
    '<answer>{"emotion": "happiness"}</answer><answer>{"emotion": "happiness"}</answer>',
    '<think><think>\nAU12.\n</think></think><answer>{"emotion": "happiness"}</answer>',
    '{"emotion": "happiness" /* sure */}',
)  # fmt: skip


def shown(name: str, labels: FaceLabels = HAPPY) -> Sample:
    """A picture whose first face the task can be asked about."""
    if name == "compound_expression":
        labels = labels.model_copy(update={"expression": "happily surprised"})
    return sample(labels, SAD) if name == "comparison" else sample(labels)


OBJECTS = re.compile(r"\b(of|for|about|describe|at) (he|she|they)\b", re.I)

tasks = pytest.mark.parametrize("name", TASKS)
registers = pytest.mark.parametrize("register", REGISTERS)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@tasks
@registers
@quick
@given(picture=samples, face=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_gold_scores_one_after_rendering_and_parsing(
    name: str, register: Register, picture: Sample, face: int, seed: int
) -> None:
    task = TASKS[name]
    exchange = task.exchange(picture, random.Random(seed), face, register)
    if exchange is None:
        assert task.target(picture, random.Random(seed), face) is None
        return
    assert exchange.question.strip()
    scored = task.scored(exchange.text, exchange.answer, "s1")
    assert scored.score.value == pytest.approx(1.0), (exchange.text, scored)
    assert all(part is None or part == pytest.approx(1.0) for part in scored.score.parts.values())


@tasks
def test_a_target_that_is_said_not_to_draw_is_the_same_for_every_generator(name: str) -> None:
    task, picture = TASKS[name], shown(name)
    targets = [task.target(picture, random.Random(seed)) for seed in range(20)]
    assert task.target_draws or all(target == targets[0] for target in targets)


@tasks
@pytest.mark.parametrize("text", GARBLED)
def test_garbled_text_is_a_failure_with_a_reason_and_scores_nothing(name: str, text: str) -> None:
    task = TASKS[name]
    if name == "action_units" and text in ("{}", "<answer>{}</answer>"):
        pytest.skip("no units at all is an answer of this task")
    failure = task.parse(text)
    assert isinstance(failure, ParseFailure)
    assert failure.reason
    assert failure.text == text
    gold = task.target(shown(name), random.Random(0))
    score = task.score(failure, gold)
    assert score.value == 0.0
    assert set(score.parts.values()) - {None} == {0.0}


@tasks
@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=80) | st.text('<answer>{"AU12":3}</think> (no).', max_size=80))
def test_any_text_is_scored_in_the_unit_interval(name: str, text: str) -> None:
    task = TASKS[name]
    gold = task.target(shown(name), random.Random(0))
    value = task.scored(text, gold, "s1").score.value
    assert value is not None
    assert 0.0 <= value <= 1.0


@tasks
@registers
def test_missing_faces_have_an_answer_of_their_own(name: str, register: Register) -> None:
    task = TASKS[name]
    exchange = task.exchange(sample(), random.Random(0), 1, register)
    assert exchange is not None
    assert exchange.answer == NO_FACE
    assert task.scored(exchange.text, exchange.answer, "s").score.value == 1.0
    exchange = task.exchange(sample(HAPPY, HAPPY), random.Random(0), 4, register)
    assert exchange is not None
    assert exchange.answer == Unanswerable(face=4, count=2)
    assert task.scored(exchange.text, exchange.answer, "s").score.value == 1.0
    assert task.score(NO_FACE, exchange.answer).value == 0.0
    gold = task.target(shown(name), random.Random(0))
    assert task.scored(exchange.text, gold, "s").score.value == 0.0
    assert task.target(sample(HAPPY), random.Random(0), 2) is None


def test_what_is_said_of_missing_faces() -> None:
    assert render_unanswerable(NO_FACE) == '<answer>{"error": "no face"}</answer>'
    assert render_unanswerable(NO_FACE, "prose") == "No face is visible in this picture."
    missing = Unanswerable(face=4, count=2)
    assert render_unanswerable(missing) == '<answer>{"error": "no face 4"}</answer>'
    said = "There is no face 4 in this picture; 2 faces are visible."
    assert render_unanswerable(missing, "prose") == said
    one = render_unanswerable(Unanswerable(face=2, count=1), "prose")
    assert one == "There is no face 2 in this picture; 1 face is visible."


@tasks
def test_unlabelled_faces_have_no_target(name: str) -> None:
    picture = sample(FaceLabels())
    assert TASKS[name].target(picture, random.Random(0)) is None
    assert TASKS[name].exchange(picture, random.Random(0)) is None


@tasks
def test_task_questions_end_with_the_suffix_and_name_the_face_among_several(name: str) -> None:
    task = TASKS[name]
    for seed in range(40):
        question = task.question(sample(HAPPY, HAPPY), random.Random(seed), 2)
        assert question.endswith(f" {task.suffix}")
        assert "face 2" in question
    if name != "comparison":
        alone = [task.question(sample(HAPPY), random.Random(seed)) for seed in range(200)]
        assert 20 < sum("face 1" in question for question in alone) < 90
    assert task.canonical_question(3).endswith(task.suffix)
    assert "face 3" in task.canonical_question(3)
    assert "this face" in task.canonical_question()


def test_suffixes_and_names_tell_the_tasks_apart() -> None:
    assert len({task.suffix for task in TASKS.values()}) == len(TASKS)
    assert [task.name for task in TASKS.values()] == list(TASKS)


@tasks
def test_prose_questions_are_many_plain_and_name_the_face_among_several(name: str) -> None:
    task = TASKS[name]
    alone = {task.question(shown(name), random.Random(i), 1, "prose") for i in range(600)}
    assert len(alone) > 120
    among = {task.question(sample(HAPPY, HAPPY), random.Random(i), 2, "prose") for i in range(300)}
    for question in alone | among:
        assert question == question.strip()
        assert not set(question) & set("{}<>")
        assert "face's face" not in question
        assert "  " not in question
        assert not OBJECTS.search(question), question
    assert not any(word in question.split() for question in among for word in ("he", "she", "they"))
    marks = ("2", "second", "far right")
    assert all(any(mark in question for mark in marks) for question in among)


@tasks
def test_prose_answers_are_varied_and_free_of_tags(name: str) -> None:
    task = TASKS[name]
    answer = task.target(shown(name), random.Random(0))
    texts = {task.render(answer, "prose", random.Random(i)) for i in range(200)}
    assert len(texts) >= 8
    assert not any(tag in text for text in texts for tag in TAGS)
    assert task.render(answer, "prose") == task.render(answer, "prose")


@tasks
def test_metrics_of_gold_are_perfect_and_of_nothing_undefined(name: str) -> None:
    task = TASKS[name]
    scored: list[Scored] = []
    for i, labels in enumerate((HAPPY, SAD)):
        exchange = task.exchange(shown(name, labels), random.Random(i))
        assert exchange is not None
        scored.append(task.scored(exchange.text, exchange.answer, f"s{i}"))
    numbers = task.metrics(scored)
    assert numbers["score"].value == pytest.approx(1.0)
    assert (numbers["parsed"].value, numbers["parsed"].n) == (1.0, 2)
    assert all(n.value is None for n in task.metrics([]).values())


@tasks
def test_schemas_are_published_as_json_schema(name: str) -> None:
    assert TASKS[name].schema.model_json_schema()["type"] == "object"
