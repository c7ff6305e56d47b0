"""What every writer promises: true, readable answers, questions that give nothing away."""

import random
import re
from functools import cache
from itertools import chain, islice

import pytest
from writer_samples import exchanges, picture, random_clip, random_picture

from data_engine.row import Making
from data_engine.verify.check import verify
from data_engine.writers import WRITERS
from data_engine.writers.base import Draft, Style
from data_engine.writers.truth import gold_of
from facellm.core.clauses import CLAUSES
from facellm.core.emotions import EMOTIONS
from facellm.core.grammar import TAGS, ParseFailure
from facellm.core.read_prose import EMOTION_WORDS, parse_prose, words
from facellm.core.sample import Clip, FaceLabels, Sample
from facellm.tasks import TASKS
from facellm.tasks.units import whole

PICTURES = [random_picture(n) for n in range(300)]
CLIPS = [random_clip(n) for n in range(40)]
writers = pytest.mark.parametrize("name", WRITERS)
MAY_NAME_EMOTIONS = ("expression", "counterfactual", "attributes")
"""Tasks that ask about an emotion by name; how often it is the right one is tested apart. Names of
attributes, such as "smiling", are drawn without looking at their values."""
CITED = re.compile(r"\(AU(\d+)(?:, (\w+))?\)")


def drafts(name: str, item: Sample | Clip, seed: int = 0) -> list[Draft]:
    writer = WRITERS[name]()
    found = list(islice(writer.drafts(item, random.Random(f"{seed}:{item.id}")), 4))
    if isinstance(item, Sample):
        other = random_picture(int(item.id) + 1, faces=1)
        found += writer.pair(item, other, random.Random(item.id))
    return found


@cache
def every(name: str) -> list[Draft]:
    items = CLIPS if name == "dynamics" else PICTURES
    return list(chain.from_iterable(drafts(name, item) for item in items))


@writers
def test_every_answer_is_read_by_its_task_as_the_truth(name: str) -> None:
    found = every(name)
    assert len(found) > 100
    for draft in found:
        for turn in exchanges(draft):
            if turn.task not in TASKS:
                continue
            assert turn.truth is not None
            task, gold = TASKS[turn.task], gold_of(turn.task, turn.truth)
            score = task.score(task.parse(turn.text), gold)
            assert score.value == 1.0, (turn, score)


@writers
def test_what_a_text_cites_is_true_of_a_face(name: str) -> None:
    for draft in every(name):
        for turn in exchanges(draft):
            for code, word in CITED.findall(turn.text):
                known = [f.action_units[int(code)] for f in draft.facts
                         if int(code) in (f.action_units or {})]  # fmt: skip
                statement = parse_prose(f"AU {word} (AU{code}, {word})") if word else None
                assert known, turn
                if statement is not None:
                    assert not isinstance(statement, ParseFailure)
                    assert statement.units[int(code)] in map(whole, known), turn


@writers
def test_every_text_passes_the_verification(name: str) -> None:
    for draft in every(name):
        for turn in exchanges(draft):
            verdict = verify(turn.text, draft.facts, turn.task, question=turn.question)
            # The verifier has no reader for quality, authenticity and gaze: it calls an answer
            # about one of them alone unrelated to the face.
            alone = (turn.truth or {}).get("aspect") in ("quality", "forensic", "gaze")
            allowed = {"unrelated"} if alone else set()
            found = {problem.kind for problem in verdict.problems} - allowed
            assert not found, (turn, verdict.problems)


@writers
def test_questions_name_no_emotion_and_no_movement(name: str) -> None:
    """Beyond what the kind of question asks about, which is drawn without looking at the answer."""
    movements = {phrase for wording in CLAUSES.values() for phrase in (*wording[0], *wording[1])}
    for draft in every(name):
        for turn in exchanges(draft):
            assert not any(phrase in turn.question.lower() for phrase in movements)
            assert not set(TAGS) & set(turn.question.split())
            if turn.task not in MAY_NAME_EMOTIONS:
                named = set(words(turn.question)) & set(EMOTION_WORDS)
                assert not named, turn.question


@writers
def test_a_question_that_names_a_unit_says_nothing_about_its_presence(name: str) -> None:
    present, absent = 0, 0
    for draft in every(name):
        for turn in exchanges(draft):
            codes = set(re.findall(r"AU(\d+)", turn.question))
            if len(codes) != 1 or turn.task == "comparison":
                continue
            n = int(next(iter(codes)))
            values = [f.action_units[n] for f in draft.facts if n in (f.action_units or {})]
            if len(values) == 1:
                present += values[0] >= 1.5
                absent += values[0] < 0.5
    if present + absent > 60:
        assert 0.35 < present / (present + absent) < 0.65


def test_counterfactuals_ask_for_the_shown_emotion_as_often_as_for_others() -> None:
    asked, same = 0, 0
    for draft in every("counterfactual"):
        if draft.truth is not None and draft.truth["kind"] == "towards":
            asked += 1
            same += draft.truth["target"] in {labels.emotion for labels in draft.facts}
    assert asked > 100
    assert same / asked < 0.35


@writers
def test_the_same_seed_gives_the_same_texts_and_others_differ(name: str) -> None:
    items = CLIPS[:8] if name == "dynamics" else PICTURES[:20]
    once, again, other = (
        [d.model_dump_json() for item in items for d in drafts(name, item, seed)]
        for seed in (0, 0, 1)
    )
    assert once == again
    assert once != other


@writers
def test_rows_hold_pictures_apart_from_messages_and_every_id_once(name: str) -> None:
    found = every(name)
    rows = [draft.row(Making(writer=name)) for draft in found]
    assert len({row.id for row in rows}) == len(rows)
    for draft, row in zip(found, rows, strict=True):
        kinds = [part.type for message in row.messages for part in message.content]
        assert kinds.count("image") == len(row.images)
        assert kinds.count("video") == len(row.videos)
        assert [m.role for m in row.messages] == ["user", "assistant"] * (len(row.messages) // 2)
        assert len(draft.briefs) == len(row.messages) // 2
        assert row.messages == draft.messages
        assert row.making.teacher == "templates"


@writers
def test_briefs_hold_the_labels_and_json_answers_have_none(name: str) -> None:
    for draft in every(name):
        texts = [turn.text for turn in exchanges(draft)]
        tasks = [turn.task for turn in exchanges(draft)]
        for text, task, brief in zip(texts, tasks, draft.briefs, strict=True):
            if text.startswith("<answer>"):
                assert brief is None
            elif brief is not None and task != "refusal":
                told = str(brief)
                assert "Known" in told
                for code in re.findall(r"\((AU\d+)", text):
                    assert code in told


@writers
def test_no_labels_no_text(name: str) -> None:
    bare = picture(FaceLabels())
    if WRITERS[name].needs_labels:
        assert drafts(name, picture()) == []
        assert list(WRITERS[name]().drafts(bare, random.Random(0))) == []
    else:
        assert list(WRITERS[name]().drafts(bare, random.Random(0)))


@writers
def test_a_writer_has_nothing_to_say_where_it_says_so_beforehand(name: str) -> None:
    writer = WRITERS[name]()
    unfit = [item for item in (*PICTURES, *CLIPS) if not writer.fits(item)]
    assert len(unfit) < len(PICTURES) + len(CLIPS)
    for item in unfit:
        assert list(writer.drafts(item, random.Random(0))) == []


@pytest.mark.parametrize("register", ["task", "prose"])
def test_one_register_alone_can_be_asked_for(register: str) -> None:
    style = Style.model_validate({"registers": {register: 1}})
    texts = [
        turn.text
        for item in PICTURES[:40]
        for draft in WRITERS["task_qa"](style).drafts(item, random.Random(item.id))
        for turn in exchanges(draft)
        if turn.task != "caption"
    ]
    assert texts
    assert {"<answer>" in text for text in texts} == {register == "task"}


def test_weak_labels_mark_the_rows_that_rest_on_them() -> None:
    labels = FaceLabels(
        emotion="happiness", action_units={6: 3.0, 12: 4.0}, weak=frozenset({"action_units"})
    )
    found = [d for seed in range(4) for d in drafts("task_qa", picture(labels, name="7"), seed)]
    weak = {draft.task: draft.weak for draft in found if draft.truth != {"face": 2, "count": 1}}
    assert weak["action_units"] and weak["reasoning"] and weak["caption"]
    assert not weak["expression"]
    assert not any(d.weak for d in drafts("refusal", picture(labels)))


def test_clips_get_texts_about_a_video() -> None:
    clip = random_clip(3).model_copy(update={"labels": FaceLabels(emotion="fear")})
    for seed in range(30):
        for draft in drafts("task_qa", clip, seed):
            assert draft.videos == ["clips/a.mp4"] and not draft.images
            assert not re.search(r"picture|photo", next(exchanges(draft)).question)


def test_groups_keep_the_labels_of_all_faces() -> None:
    faces = [FaceLabels(emotion=name) for name in EMOTIONS[:3]]
    for draft in drafts("task_qa", picture(*faces)):
        assert draft.facts == faces


def test_texts_are_varied() -> None:
    for name in ("caption", "exp_cot", "multi_turn", "refusal"):
        texts = [
            tuple(turn.text for turn in exchanges(draft))
            for draft in every(name)
            if not draft.facts
            or any(max((f.action_units or {0: 0}).values()) > 2 for f in draft.facts)
        ]
        assert len(set(texts)) > 0.85 * len(texts), name
