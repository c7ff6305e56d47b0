"""Evidence and conclusion: what becomes evidence, and what a wrong statement costs."""

import random

import pytest
from task_samples import full, sample

from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.reasoning import ReasoningAnswer, ReasoningTask, telling_absences

TASK = ReasoningTask()
SAD = full("sadness", AU1=3.0, AU4=2.0, AU15=4.0, AU17=1.0)
TEXT = """<think>
brows: inner corners raised (AU1, marked); lowered and drawn together (AU4, slight)
mouth: corners pulled down (AU15, pronounced)
absent: AU2, AU5
AU1 + AU4 + AU15 together indicate sadness.
</think>
<answer>{"emotion": "sadness"}</answer>"""


def _target(labels: FaceLabels) -> ReasoningAnswer:
    answer = TASK.target(sample(labels), random.Random(0))
    assert answer is not None
    return answer


def test_the_target_is_the_documented_example() -> None:
    assert TASK.render(_target(SAD)) == TEXT


def test_neutral_faces_and_faces_without_signs_conclude_so() -> None:
    assert "No action unit is strong enough" in TASK.render(_target(full("neutral")))
    assert "AU25 does not indicate an emotion." in TASK.render(_target(full("neutral", AU25=3.0)))
    assert "reads as fear" in TASK.render(_target(full("fear")))


def test_evidence_is_the_six_strongest_units() -> None:
    units = {f"AU{n}": 1.5 + i / 4 for i, n in enumerate((1, 2, 4, 5, 6, 7, 9, 10))}
    thought = _target(full("fear", **units)).thought
    assert thought is not None
    assert list(thought.units) == [4, 5, 6, 7, 9, 10]


def test_only_labelled_units_are_stated_or_denied() -> None:
    answer = _target(FaceLabels(emotion="happiness", action_units={12: 3.0}))
    assert answer.thought is not None
    assert (set(answer.thought.units), answer.thought.absent) == ({12}, ())
    assert TASK.target(sample(FaceLabels(emotion="happiness")), random.Random(0)) is None


def test_absences_tell_the_emotion_from_its_rival() -> None:
    assert telling_absences("happiness", {6: 0.0, 12: 4.0, 1: 0.0}) == (6, 1)
    assert telling_absences("happiness", {6: 3.0, 12: 4.0, 9: 0.6}) == ()


def test_what_wrong_statements_cost() -> None:
    gold = _target(SAD)
    wrong = TASK.scored(TEXT.replace('"sadness"}', '"anger"}'), gold, "s").score
    assert wrong.parts == {"emotion": 0.0, "evidence_f1": 1.0, "format": 1.0}
    assert wrong.value == pytest.approx(0.5)
    # One unit stated that is not there: F1 = 2·3 / (4 + 3).
    extra = TEXT.replace("mouth: ", "nose: wrinkled (AU9)\nmouth: ")
    assert TASK.scored(extra, gold, "s").score.parts["evidence_f1"] == pytest.approx(6 / 7)
    # A unit of the gold called absent is missed and denied: 2·2 / (2 + 3 + 1).
    line = "; lowered and drawn together (AU4, slight)"
    denied = TEXT.replace(line, "").replace("AU2, AU5", "AU4")
    assert TASK.scored(denied, gold, "s").score.parts["evidence_f1"] == pytest.approx(4 / 6)
    # The weak AU17 may be stated at no cost.
    weak = TEXT.replace("absent:", "chin: pushed up (AU17, trace)\nabsent:")
    assert TASK.scored(weak, gold, "s").score.value == pytest.approx(1.0)


def test_an_answer_without_thought_gets_the_emotion_alone() -> None:
    score = TASK.scored('{"emotion": "sadness"}', _target(SAD), "s").score
    assert score.parts == {"emotion": 1.0, "evidence_f1": 0.0, "format": 0.0}
    assert score.value == pytest.approx(0.5)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("AU15", "AU99"),
        TEXT.replace("mouth", "elbow"),
        TEXT + TEXT,
        TEXT.replace("</think>\n", "</think>\nWell:\n"),
        TEXT.replace('"sadness"}', '"melancholy"}'),
        "The brows are knitted (AU4), but I cannot name an emotion.",
        "He looks sad or angry (AU4).",
    ],
)
def test_reasoning_outside_the_grammar(text: str) -> None:
    assert isinstance(TASK.parse(text), ParseFailure)


def test_every_part_is_a_metric() -> None:
    gold = _target(SAD)
    numbers = TASK.metrics([TASK.scored(TEXT, gold, "a"), TASK.scored("?", gold, "b")])
    assert [numbers[k].value for k in ("emotion", "evidence_f1", "format")] == [0.5] * 3
