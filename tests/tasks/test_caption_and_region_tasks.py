"""Captions are scored by their facts; region questions by the units that act there."""

import random

import pytest
from task_samples import full, sample

from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks.caption import CaptionAnswer, CaptionTask, pose_facts, read_pose
from facellm.tasks.region_question import (
    ASKED,
    RegionAnswer,
    RegionQuestionTask,
    answerable_regions,
    region_units,
)

CAPTION = CaptionTask()
REGION = RegionQuestionTask()
SMILE = full("happiness", AU6=3.0, AU12=4.0)


def _caption(labels: FaceLabels) -> CaptionAnswer:
    answer = CAPTION.target(sample(labels), random.Random(0))
    assert answer is not None
    return answer


def test_a_caption_says_nothing_of_the_head_unless_it_was_given() -> None:
    gold = _caption(SMILE.model_copy(update={"pose": (0.0, 0.4, 0.0)}))
    assert gold.pose is None and "head" not in CAPTION.render(gold)
    turned = gold.model_copy(update={"pose": pose_facts((0.0, 0.4, 0.0))})
    assert "turned to the" in CAPTION.render(turned)


def test_pose_in_words_and_back() -> None:
    assert pose_facts((0.3, -0.3, 0.1)) == {"up", "turned left"}
    assert pose_facts((-0.3, 0.3, -0.5)) == {"down", "turned right", "tilted left"}
    assert read_pose("The head is lowered and turned to the person's right.") == {
        "down",
        "turned right",
    }
    assert read_pose("The brows are raised. The left eye is closed.") == frozenset()
    assert read_pose("The head is straight and the brows are raised.") == frozenset()
    assert read_pose("The head is not turned to the left.") == frozenset()


def test_only_labelled_facts_are_described_and_scored() -> None:
    gold = _caption(FaceLabels(emotion="sadness"))
    text = CAPTION.render(gold, "prose")
    assert "AU" not in text
    score = CAPTION.scored(f"{text} The cheeks are raised (AU6).", gold, "s").score
    assert score.parts == {"emotion": 1.0, "units": None, "pose": None}
    assert CAPTION.target(sample(FaceLabels(pose=(0.0, 0.0, 0.0))), random.Random(0)) is None


def test_caption_facts_by_hand() -> None:
    gold = _caption(SMILE).model_copy(update={"pose": pose_facts((0.0, 0.4, 0.0))})
    # Emotion right; units {12, 4} against {6, 12}: 2/4; pose: nothing said of the turned head: 0.
    text = "He looks happy. The lip corners are up (AU12), the brows are low (AU4)."
    score = CAPTION.scored(text, gold, "s").score
    assert score.parts == {"emotion": 1.0, "units": 0.5, "pose": 0.0}
    assert score.value == pytest.approx(0.5)
    denied = CAPTION.scored("He is not happy. No smile (AU12).", gold, "s").score
    assert denied.value == 0.0


def test_captions_without_tags_are_read_as_they_are() -> None:
    read = CAPTION.parse('{"text": "The person looks sad."}')
    assert isinstance(read, CaptionAnswer)
    assert (read.text, read.emotion) == ("The person looks sad.", "sadness")
    assert CAPTION.render(read) == "The person looks sad."
    assert isinstance(CAPTION.parse("<think>x</think> He looks sad."), ParseFailure)


def test_regions_are_asked_about_where_all_their_units_are_labelled() -> None:
    assert answerable_regions(SMILE) == ASKED
    assert answerable_regions(FaceLabels(action_units={1: 0.0, 2: 0.0, 4: 1.0})) == (
        "forehead",
        "brows",
    )
    assert answerable_regions(FaceLabels()) == ()
    assert region_units("brows") == (1, 2, 4)
    assert all(region_units(region) for region in ASKED)


def test_question_and_target_speak_about_the_same_region() -> None:
    for seed in range(60):
        question = REGION.question(sample(SMILE), random.Random(seed))
        answer = REGION.target(sample(SMILE), random.Random(seed))
        assert answer is not None and answer.region is not None
        assert answer.region.replace("_", " ") in question


def test_region_answers_render_and_read() -> None:
    answer = RegionAnswer(region="nasolabial_folds", units={12: 4.0})
    text = '<answer>{"region": "nasolabial folds", "action_units": {"AU12": 4}}</answer>'
    assert REGION.render(answer) == text
    assert REGION.parse(text) == answer
    nothing = RegionAnswer(region="chin", units={})
    assert REGION.parse(REGION.render(nothing, "prose", random.Random(1))) == nothing


@pytest.mark.parametrize(
    "text",
    [
        '{"region": "elbow", "action_units": {}}',
        '{"region": "mouth"}',
        '{"region": "mouth", "action_units": {"AU12": 9}}',
        '{"region": "mouth", "action_units": {"AU99": 1}}',
        "The mouth is open.",
        "Nothing notable.",
    ],
)
def test_region_answers_outside_the_grammar(text: str) -> None:
    assert isinstance(REGION.parse(text), ParseFailure)


def test_another_region_scores_nothing_and_foreign_units_count_against() -> None:
    gold = RegionAnswer(region="mouth", units={12: 4.0})
    other = REGION.scored('{"region": "chin", "action_units": {"AU12": 4}}', gold, "s").score
    assert (other.value, other.parts["f1"]) == (0.0, 1.0)
    # F1 = 2·1 / (2 + 1); intensity = 1 − (0 + 3)/2/5 = 0.7.
    foreign = '{"region": "mouth", "action_units": {"AU12": 4, "AU1": 3}}'
    assert REGION.scored(foreign, gold, "s").score.value == pytest.approx((2 / 3 + 0.7) / 2)
