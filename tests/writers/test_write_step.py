"""The step that turns labelled items into rows."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from writer_samples import picture, random_clip, random_picture

from data_engine.row import Row
from data_engine.step import Reject
from data_engine.steps.write import NO_LABELS, Write, drafts_of
from facellm.core.sample import FaceLabels

HAPPY = FaceLabels(emotion="happiness", action_units={6: 3.0, 12: 4.0})


def run(step: Write, *items):
    return list(step.run(items, Path()))


def test_rows_come_with_the_template_wording_in_the_order_of_the_items() -> None:
    items = [random_picture(n) for n in range(60)]
    found = run(Write(), *items)
    rows = [row for row in found if isinstance(row, Row)]
    assert len(rows) > 200
    assert {row.making.teacher for row in rows} == {"templates"}
    order = [row.sample_ids[-1] for row in rows]
    assert order == sorted(order)
    assert found == run(Write(), *items)
    assert found != run(Write(seed=1), *items)


def test_an_item_gives_the_same_rows_wherever_it_stands() -> None:
    items = [picture(HAPPY, name=str(n), subject=str(n)) for n in range(6)]
    alone = [row for item in items for row in run(Write(), item)]
    assert alone == run(Write(), *items)


def test_one_more_kind_of_text_leaves_the_others_as_they_were() -> None:
    few = run(Write(writers=["caption"]), picture(HAPPY))
    more = run(Write(writers=["task_qa", "caption"]), picture(HAPPY))
    assert few == [row for row in more if row.making.writer == "caption"]


@pytest.mark.parametrize(("mean", "least", "most"), [(3, 3, 3), (0.5, 0.4, 0.6), (12, 12, 12)])
def test_counts_are_kept_on_average(mean: float, least: float, most: float) -> None:
    items = [picture(HAPPY, name=str(n), subject=str(n)) for n in range(300 if mean < 1 else 5)]
    rows = run(Write(writers={"task_qa": 1, "caption": mean}), *items)
    captions = [row for row in rows if row.making.writer == "caption"]
    assert least <= len(captions) / len(items) <= most
    assert len({row.id for row in rows}) == len(rows)


def test_items_without_labels_are_rejected_with_the_reason() -> None:
    bare = picture(FaceLabels(quality=None))
    (reject,) = run(Write(), bare)
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.step, reject.item_id) == (NO_LABELS, "write", bare.id)
    assert reject.item is not None and reject.item["image"] == bare.image


def test_nothing_is_dropped_by_chance() -> None:
    items = [picture(HAPPY, name=str(n), subject=str(n)) for n in range(50)]
    rows = run(Write(writers={"caption": 0.01, "refusal": 0.01}), *items)
    assert {row.sample_ids[0] for row in rows} == {item.id for item in items}
    assert all(isinstance(row, Row) for row in rows)


def test_a_refusal_does_not_stand_in_for_missing_labels() -> None:
    (reject,) = run(Write(writers={"refusal": 0.0001}), picture(FaceLabels()))
    assert isinstance(reject, Reject)


def test_consecutive_pictures_of_a_subject_are_compared() -> None:
    pair = [picture(HAPPY, name=str(n), subject="a") for n in (1, 2)]
    other = picture(HAPPY, name="3", subject="b")
    rows = [r for r in run(Write(writers={"comparison": 2, "caption": 1}), *pair, other)]
    compared = [row for row in rows if row.task == "comparison"]
    assert {tuple(row.sample_ids) for row in compared} == {(pair[0].id, pair[1].id)}
    assert all(len(row.images) == 2 for row in compared)
    assert len(compared) == 2


def test_a_pair_goes_before_the_subject() -> None:
    """`a` and `b` are pairs of one subject; a copy made to balance is no second picture."""
    items = [
        picture(HAPPY, name=f"{n}", subject="s").model_copy(update={"pair": pair})
        for n, pair in enumerate("aabb")
    ]
    copy = items[3].model_copy(update={"id": f"{items[3].id}.1"})
    loose = picture(HAPPY, name="9", subject="s")
    rows = run(Write(writers=["comparison", "caption"]), *items, copy, loose)
    compared = [row.sample_ids for row in rows if row.task == "comparison"]
    assert compared == [[items[0].id, items[1].id], [items[2].id, items[3].id]]


def test_rows_pass_and_clips_are_written() -> None:
    (row,) = run(Write(writers=["caption"]), picture(HAPPY))
    assert run(Write(), row) == [row]
    written = run(Write(writers=["dynamics"]), random_clip(1))
    assert [r.task for r in written] == ["dynamics"]


def test_drafts_are_the_rows_of_the_step() -> None:
    step = Write(writers=["exp_cot", "multi_turn"])
    assert [d.row_id for d in drafts_of(picture(HAPPY), step)] == [
        row.id for row in run(step, picture(HAPPY))
    ]


def test_other_texts_can_take_the_place_of_the_templates() -> None:
    (draft,) = drafts_of(picture(HAPPY), Write(writers=["multi_turn"]))
    (plain,) = run(Write(writers=["multi_turn"]), picture(HAPPY))
    texts = [f"text {n}" for n in range(len(draft.briefs))]
    row = draft.row(plain.making, texts)
    assert [m.content[0].text for m in row.messages if m.role == "assistant"] == texts
    assert row.id == plain.id
    assert [m for m in row.messages if m.role == "user"] == [
        m for m in plain.messages if m.role == "user"
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"writers": {"haiku": 1}}, "'haiku' is no writer; expected some of caption"),
        ({"writers": {"caption": 0}}, "expected more than 0"),
        ({"writers": {"caption": -1}}, "expected more than 0"),
        ({"writers": {"caption": 1e9}}, "at most 100"),
        ({"writers": {}}, "at least 1"),
        ({"writers": []}, "at least 1"),
        ({"writer": {"caption": 1}}, "Extra inputs"),
        ({"style": {"registers": {"poem": 1}}}, "'task' or 'prose'"),
        ({"style": {"registers": {"task": 0}}}, "greater than 0"),
        ({"style": {"registers": {}}}, "at least 1"),
    ],
)
def test_bad_options_are_named(options: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Write.model_validate(options)
