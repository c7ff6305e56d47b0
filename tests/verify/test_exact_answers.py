"""Answers in numbers are compared with the labels by their own task."""

import pytest

from data_engine.verify.check import verify
from data_engine.verify.claims import Policy
from facellm.core.sample import FaceLabels

FACE = FaceLabels(
    emotion="sadness", action_units={12: 0.0, 15: 3.0}, valence=-0.62, arousal=0.11, age=34.0,
    pose=(0.1, -0.5, 0.0), attributes={"wearing_hat": False, "beard": True}, quality=0.8,
    authentic=True,
)  # fmt: skip


def kinds(kind: str, text: str, *faces: FaceLabels, question: str = "", **policy: object) -> set:
    problems = verify(text, faces, kind, Policy.model_validate(policy), question).problems
    return {problem.kind for problem in problems}


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("valence_arousal", '{"valence": -0.6, "arousal": 0.1}', None),
        ("valence_arousal", "Valence is -0.6 and arousal is 0.1.", None),
        ("valence_arousal", "Valence is 0.6 and arousal is 0.1.", "wrong_answer:valence_arousal"),
        ("head_pose", '{"pitch": 0.1, "yaw": -0.5, "roll": 0}', None),
        ("head_pose", '{"pitch": 0.1, "yaw": 0.5, "roll": 0}', "wrong_answer:head_pose"),
        ("head_pose", "The head is level, turned 29 degrees to the subject's left and upright.",
         None),
        ("attributes", "Visible: beard. Not visible: wearing hat.", None),
        ("attributes", '{"beard": true, "bangs": true}', None),
        ("attributes", '{"Wearing_Hat": true}', "wrong_attribute:wearing hat"),
        ("attributes", '{"bangs": true}', "unsupported:attributes"),
        ("age", "The apparent age is 30 years.", None),
        ("age", '{"age": 60}', "wrong_age"),
        ("quality", "The picture quality is 0.8.", None),
        ("quality", '{"quality": 0.2}', "wrong_answer:quality"),
        ("authenticity", "This face is authentic.", None),
        ("authenticity", "The face has been generated or manipulated.",
         "wrong_answer:authenticity"),
    ],
)  # fmt: skip
def test_true_and_false_answers(kind: str, text: str, problem: str | None) -> None:
    assert kinds(kind, text, FACE) == ({problem} if problem else set())


def test_what_no_label_speaks_about() -> None:
    bare = FaceLabels(emotion="anger")
    assert kinds("age", '{"age": 30}', bare) == {"unsupported:age"}
    assert not kinds("age", '{"age": 30}', bare, unlabelled="allow")
    assert kinds("age", '{"age": 30}') == {"wrong_face"}


def test_the_face_that_was_asked_about_counts() -> None:
    old = FACE.model_copy(update={"age": 80.0})
    text, question = '{"age": 80}', "How old does face 2 look?"
    assert not kinds("age", text, FACE, old, question=question)
    assert kinds("age", text, old, FACE, question=question) == {"wrong_age"}


def test_free_prose_is_still_read_as_prose() -> None:
    assert kinds("age", "He looks about 34 years old, maybe.", FACE) >= {"hedge"}
    assert "wrong_unit:AU12" in kinds("quality", "A sharp picture of a big smile (AU12).", FACE)
