"""What single writers say about faces whose labels are known by heart."""

import random
from collections import Counter

import pytest
from writer_samples import clip, exchanges, picture, random_labels

from data_engine.topics import THAT, TOPICS, asked_about, named_in
from data_engine.writers import WRITERS
from data_engine.writers.base import Style
from data_engine.writers.meaning import (
    associations,
    core_share,
    missing_core,
    reading,
    rivals_excluded,
)
from data_engine.writers.multi_turn import MAX_TURNS
from data_engine.writers.refusal import REASONS
from facellm.core.facs import PROTOCOLS
from facellm.core.grammar import parse_response
from facellm.core.sample import Event, FaceLabels
from facellm.tasks.events import all_events, events_of, series_of
from facellm.tasks.wording import PEOPLE

RIG = PROTOCOLS["rig23"].units


def full(emotion: str | None, **units: float) -> FaceLabels:
    known = dict.fromkeys(RIG, 0.0) | {int(code[2:]): value for code, value in units.items()}
    return FaceLabels(emotion=emotion, action_units=known)


HAPPY = full("happiness", AU6=3.0, AU12=4.0)
ANGRY = full("anger", AU4=3.0, AU5=2.0, AU7=3.0, AU24=2.0)


def texts(name: str, *labels: FaceLabels, seeds: int = 30) -> list[str]:
    return [
        turn.text
        for seed in range(seeds)
        for draft in WRITERS[name]().drafts(picture(*labels), random.Random(seed))
        for turn in exchanges(draft)
    ]


@pytest.mark.parametrize(
    ("units", "emotion"),
    [
        ((), "neutral"),
        ((6, 12), "happiness"),
        ((6, 12, 25), "happiness"),
        ((1, 2, 5, 27), "surprise"),
        ((1, 2, 4, 5, 20, 26), "fear"),
        ((4, 5, 7, 24), "anger"),
        ((10, 17), "disgust"),
        ((6,), None),
        ((1, 2, 5, 20, 26), None),
        ((18,), None),
    ],
)
def test_units_read_as_the_emotion_whose_whole_core_they_hold(units, emotion) -> None:
    assert reading(units) == emotion


def test_meaning_follows_the_prototypes() -> None:
    assert missing_core("anger", (4, 24)) == [5, 7]
    assert associations([4, 20]) == "AU4 occurs in sadness, fear, anger and disgust, AU20 in fear."
    assert associations([18]) == ""
    rng = random.Random(0)
    assert "AU12" in rivals_excluded("sadness", (12,), rng)
    assert rivals_excluded("happiness", (12,), rng) == ""
    # fear needs AU2 as well as surprise: that it is missing rules out neither alone
    assert rivals_excluded("surprise", (2,), rng) == ""
    assert core_share("sadness", (), rng) == ""


def test_think_blocks_close_with_an_interpretation_and_the_conclusion() -> None:
    closings = set()
    for text in texts("exp_cot", ANGRY):
        if text.startswith("<think>"):
            thought = parse_response(text).thought
            assert thought.units == {4: 3.0, 5: 2.0, 7: 3.0, 24: 2.0}
            assert thought.conclusion.endswith("AU4 + AU5 + AU7 + AU24 together indicate anger.")
            closings.add(thought.conclusion)
    assert len(closings) > 5


def test_short_captions_are_one_sentence_with_at_most_two_units() -> None:
    short = [text for text in texts("caption", ANGRY) if text.count(".") == 1]
    assert len(short) > 20
    assert all(text.count("(AU") <= 2 for text in short)
    assert any(text.count("(AU") == 4 for text in texts("caption", ANGRY))


def test_captions_lean_on_no_movement_that_says_nothing_of_it() -> None:
    assert any("through" in text for text in texts("caption", ANGRY))
    calm = texts("caption", full("neutral", AU4=3.0))
    assert not any("through" in text or text.startswith("With") for text in calm)
    faint = texts("caption", full("anger", AU4=1.0))
    assert any("traces of" in text.lower() for text in faint)
    for text in faint:  # weaker than what, where nothing else acts?
        assert not any(word in text for word in ("Weaker", "More subtle", "also", "remain", "add"))


def test_descriptions_speak_only_of_labelled_aspects() -> None:
    bare = " ".join(texts("description", FaceLabels(quality=0.9)))
    assert "sharp" in bare or "clear" in bare
    for word in ("head", "wears", "AU", "looks", "manipulat", "old"):
        assert word not in bare
    old = FaceLabels(age=34.0, quality=0.9)
    assert "30s" not in " ".join(texts("description", old))
    writer = WRITERS["description"](Style(apparent_age=True))
    said = [
        turn.text
        for seed in range(20)
        for draft in writer.drafts(picture(old), random.Random(seed))
        for turn in exchanges(draft)
    ]
    assert any("30s" in text for text in said)


def test_regions_are_called_quiet_only_where_all_their_units_are_labelled() -> None:
    partial = FaceLabels(action_units={6: 3.0, 12: 4.0, 1: 0.0})
    for text in texts("description", partial):
        assert "brows" not in text and "nose" not in text


def test_attribute_questions_are_answered_by_the_labels_and_skip_judgements() -> None:
    labels = FaceLabels(attributes={"eyeglasses": True, "beard": False, "attractive": True})
    found = texts("attribute_qa", labels)
    assert {text.partition(" ")[0].rstrip(":,") for text in found} == {"Yes", "No"}
    for text in found:
        assert text.startswith("Yes" if "eyeglasses" in text else "No")
        assert "attractive" not in text


def test_conversations_have_two_to_five_turns_and_move_to_other_faces() -> None:
    moved = 0
    for seed in range(60):
        for draft in WRITERS["multi_turn"]().drafts(picture(HAPPY, ANGRY), random.Random(seed)):
            turns = list(exchanges(draft))
            assert 2 <= len(turns) <= MAX_TURNS
            assert len({turn.question for turn in turns}) == len(turns)
            assert len(draft.messages[0].content) == 2 and len(draft.messages[2].content) == 1
            nouns = {turn.truth.get("emotion") for turn in turns if turn.truth}
            moved += {"happiness", "anger"} <= nouns
    assert moved > 5


def test_a_pair_that_differs_in_one_unit_is_told_apart_by_it() -> None:
    first, second = picture(HAPPY, name="1"), picture(full("happiness", AU12=4.0), name="2")
    kinds = set()
    for seed in range(40):
        for draft in WRITERS["comparison"]().pair(first, second, random.Random(seed)):
            assert draft.sample_ids == [first.id, second.id]
            assert len(draft.messages[0].content) == 3
            truth = draft.truth
            kinds.add(truth["kind"])
            if truth["kind"] == "differences":
                assert truth["differs"] == {"AU6": [3.0, 0.0]}
            if truth["kind"] == "more":
                assert truth["more"] == (1 if truth["action_unit"] == 6 else 0)
            if truth["kind"] == "alike":
                assert truth["same"]
    assert kinds == {"differences", "more", "alike"}


def test_comparisons_ask_about_equal_faces_too() -> None:
    answers = [
        draft.truth["more"]
        for n in range(200)
        for draft in WRITERS["comparison"]().drafts(
            picture(random_labels(random.Random(n)), random_labels(random.Random(n + 1000))),
            random.Random(n),
        )
        if draft.truth["kind"] == "more"
    ]
    assert all(answers.count(value) > len(answers) / 6 for value in (0, 1, 2))


def test_pairs_of_different_splits_or_of_groups_are_not_compared() -> None:
    writer, rng = WRITERS["comparison"](), random.Random(0)
    held_out = picture(HAPPY, name="2").model_copy(update={"split": "test"})
    assert not list(writer.pair(picture(HAPPY, name="1"), held_out, rng))
    assert not list(writer.pair(picture(HAPPY, name="1"), picture(HAPPY, HAPPY, name="2"), rng))


def test_without_a_core_unit_the_expression_becomes_what_is_left() -> None:
    scared = full("fear", AU1=3.0, AU2=3.0, AU4=3.0, AU5=3.0, AU20=3.0, AU26=3.0)
    after = {}
    for seed in range(200):
        for draft in WRITERS["counterfactual"]().drafts(picture(scared), random.Random(seed)):
            if draft.truth["kind"] == "without":
                after[draft.truth["action_unit"]] = draft.truth["emotion"]
    assert after[4] is None and after[26] is None
    assert after[12] == "fear"
    surprised = full("fear", AU1=3.0, AU2=3.0, AU4=3.0, AU5=3.0, AU26=3.0)
    for seed in range(100):
        for draft in WRITERS["counterfactual"]().drafts(picture(surprised), random.Random(seed)):
            if draft.truth.get("action_unit") == 4:
                assert draft.truth["emotion"] == "surprise"


def test_what_would_be_left_is_not_said_where_units_are_unlabelled() -> None:
    partial = FaceLabels(emotion="happiness", action_units={6: 3.0, 12: 4.0, 1: 0.0, 4: 0.0})
    kinds = {
        draft.truth["kind"]
        for seed in range(60)
        for draft in WRITERS["counterfactual"]().drafts(picture(partial), random.Random(seed))
    }
    assert kinds == {"towards"}


def test_refusals_state_nothing_and_offer_something() -> None:
    for draft in WRITERS["refusal"]().drafts(picture(HAPPY), random.Random(0)):
        assert draft.facts == [] and not draft.weak and draft.task == "refusal"
    found = texts("refusal", HAPPY, seeds=100)
    assert len(set(found)) > 350
    for text in found:
        assert "(AU" not in text and "happ" not in text
        assert text.count(".") + text.count("?") <= 4


def test_refusals_name_their_topic_or_call_it_that() -> None:
    counts: Counter[str] = Counter()
    for seed in range(200):
        for draft in WRITERS["refusal"]().drafts(picture(HAPPY), random.Random(seed)):
            question, text = (message.content[-1].text for message in draft.messages)
            topic = draft.truth["topic"]
            assert topic in asked_about(question)
            named = named_in(text)
            assert named == {topic} or (not named and THAT in text)
            counts[topic] += 1
            counts["unnamed"] += not named
            if topic == "elsewhere":
                assert not named and not any(why in text for why in REASONS if why)
    assert counts.keys() == {*TOPICS, "unnamed"}
    assert 0.48 < counts["unnamed"] / 800 < 0.6  # half of the others, and all of `elsewhere`


def test_questions_of_a_topic_are_known_whoever_they_are_about() -> None:
    for topic, (_, questions) in TOPICS.items():
        for question in questions:
            for who in PEOPLE:
                assert asked_about(question.format(**who._asdict())) == {topic}
    assert asked_about("What is AU12?") == asked_about("Who painted this face?") == frozenset()


def test_events_have_onset_apex_and_offset() -> None:
    smile = [0.0, 0.3, 2.0, 4.0, 4.0, 2.0, 0.2, 0.0]
    frames = clip([{12: value, 4: 0.0} for value in smile]).frames
    event = Event(action_unit=12, onset=0.4, apex=1.2, offset=2.4, intensity=4.0)
    assert all_events(series_of(frames)) == [event]


def test_events_at_the_borders_and_below_the_threshold() -> None:
    under_way = events_of(1, [(0.0, 3.0), (0.5, 1.0), (1.0, 0.0), (1.5, 1.2), (2.0, 0.0)])
    assert under_way == [Event(action_unit=1, onset=None, apex=0.0, offset=1.0, intensity=3.0)]
    last = events_of(1, [(0.0, 0.0), (0.5, 2.0)])
    assert last == [Event(action_unit=1, onset=0.0, apex=0.5, offset=None, intensity=2.0)]
    twice = events_of(1, [(0.0, 0.0), (1.0, 2.0), (2.0, 0.0), (3.0, 4.0), (4.0, 0.0)])
    assert [event.apex for event in twice] == [1.0, 3.0]
    assert events_of(1, []) == []


def test_dynamics_tell_the_times_of_a_smile() -> None:
    smile = [0.0, 0.3, 2.0, 4.0, 4.0, 2.0, 0.2, 0.0]
    item = clip([{12: value, 4: 0.0} for value in smile])
    found = [
        (turn, draft)
        for seed in range(40)
        for draft in WRITERS["dynamics"]().drafts(item, random.Random(seed))
        for turn in exchanges(draft)
    ]
    assert any("0.4–1.2 s: smile onset (AU12, pronounced)" in turn.text for turn, _ in found)
    assert any(turn.text.startswith("<answer>") and '"apex": 1.2' in turn.text for turn, _ in found)
    for turn, draft in found:
        assert draft.facts[0].action_units == {4: 0.0, 12: 4.0}
        if "AU4" not in turn.question:
            assert "1.2" in turn.text, turn


def test_a_clip_with_fewer_than_two_labelled_frames_has_no_dynamics() -> None:
    for item in (clip([]), clip([{12: 3.0}]), clip([], emotion="happiness")):
        assert not list(WRITERS["dynamics"]().drafts(item, random.Random(0)))


@pytest.mark.parametrize(
    ("emotion", "units", "weak", "said"),
    [
        ("happiness", {12: 3.0, 4: 0.0}, True, True),
        ("happiness", {25: 3.0, 12: 0.9}, True, False),
        ("happiness", {25: 3.0, 12: 0.9}, False, True),
        ("anger", {12: 0.0, 4: 0.0}, True, False),
        ("neutral", {12: 0.0, 4: 0.0}, True, True),
    ],
)
def test_a_tool_that_saw_nothing_of_it_carries_no_conclusion(emotion, units, weak, said) -> None:
    marks = frozenset({"action_units"} if weak else ())
    sample = picture(FaceLabels(emotion=emotion, action_units=units, weak=marks))
    found = []
    for name in ("exp_cot", "task_qa", "multi_turn"):
        for seed in range(20):
            found += WRITERS[name]().drafts(sample, random.Random(seed))
    reasoned = {x.task == "reasoning" for d in found for x in exchanges(d)}
    assert (True in reasoned) is said and False in reasoned
    assert {d.writer for d in found} == {"task_qa", "multi_turn", *(["exp_cot"] * said)}


def test_what_a_tool_saw_over_a_clip_stays_marked() -> None:
    found = clip([{12: 0.0}, {12: 3.0}, {12: 0.0}], emotion="happiness")
    bare = found.model_copy(update={"labels": FaceLabels(weak=frozenset({"age"}))})
    estimated = [
        frame.model_copy(update={"faces": [face.model_copy(update={"labels": labels})]})
        for frame in bare.frames
        for face in frame.faces
        for labels in [face.labels.model_copy(update={"weak": frozenset({"action_units"})})]
    ]
    writer = WRITERS["dynamics"]()
    for made, marks in (
        (bare, {"age"}),
        (bare.model_copy(update={"frames": estimated}), {"age", "action_units"}),
    ):
        drafts = list(writer.drafts(made, random.Random(0)))
        assert drafts and all(d.facts[0].weak == marks for d in drafts)
        assert {d.weak for d in drafts} == {"action_units" in marks}
