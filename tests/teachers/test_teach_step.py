"""The step: repairs, several texts, a judge, failures as rejects, resuming, order, saturation."""

import re
import time

import pytest
from fake_server import ANSWER, FakeServer
from PIL import Image

from data_engine.row import Row
from data_engine.step import Reject
from data_engine.steps.teach import Teach
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face, FaceLabels, Provenance, Sample
from facellm.tasks.units import RIG_UNITS

pytest.importorskip("aiohttp")
pytest.importorskip("uvicorn")

LABELS = FaceLabels(emotion="happiness", action_units={**dict.fromkeys(RIG_UNITS, 0.0), 12: 3.0})


def sample(n, labels=LABELS):
    return Sample(
        id=f"s{n}",
        image=f"{n}.png",
        faces=[Face(box=(0, 0, 8, 8), labels=labels)],
        provenance=Provenance(source="made", licence="CC0", subject_id=f"p{n}"),
    )


def teacher(server, command="", **options):
    extra = {"command": command}
    return {"model": "fake", "base_url": server.url, "extra": extra, "max_retries": 0, **options}


def taught(folder, made, count=3, **options):
    step = Teach(teacher=made, writers=["caption"], **options)
    return list(step.run([sample(n) for n in range(count)], folder))


def answers(rows):
    return [row.messages[-1].content[0].text for row in rows]


def test_a_teacher_words_the_answers_and_the_row_says_so(server, tmp_path):
    rows = taught(tmp_path, teacher(server))
    assert all(isinstance(row, Row) for row in rows) and answers(rows) == [ANSWER] * 3
    making = rows[0].making
    assert (making.teacher, making.attempts, making.finish_reason) == ("fake", 1, "stop")
    assert making.usage == {"prompt_tokens": 100, "completion_tokens": 20}
    assert making.raw_output == ANSWER and len(making.prompt_hash) == 16
    assert making.agreement is None


def test_labels_are_in_the_prompt_and_never_in_the_question(server, tmp_path):
    (reject,) = taught(tmp_path, teacher(server, "echo"), 1, repairs=0)
    assert "AU12 corners pulled up" in reject.item["raw_output"]
    (row,) = taught(tmp_path, teacher(server), 1)
    assert "AU12" not in row.messages[0].content[-1].text


def test_templates_ask_nobody(tmp_path):
    rows = taught(tmp_path, {"kind": "templates"})
    assert [row.making.teacher for row in rows] == ["templates"] * 3
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_text_is_mended_when_its_errors_are_shown(server, tmp_path):
    before = server.counts()[0]
    (row,) = taught(tmp_path, teacher(server, "mend"), 1)
    assert row.making.attempts == 2 and answers([row]) == [ANSWER]
    assert row.making.usage == {"prompt_tokens": 200, "completion_tokens": 40}
    assert server.counts()[0] - before == 2


@pytest.mark.parametrize(
    ("command", "reason", "calls"),
    [
        ("wrong", "wrong_unit:AU15", 3),
        ("refusal", "teacher:refusal", 3),
        ("repetition", "teacher:repetition", 3),
        ("length", "teacher:length", 3),
        ("empty", "teacher:empty", 3),
        ("drift", "teacher:schema", 1),
        ("html", "teacher:html", 1),
        ("status:500", "teacher:server_error", 1),
        ("status:429", "teacher:rate_limit", 1),
    ],
)
def test_what_cannot_be_mended_is_a_reject(server, tmp_path, command, reason, calls):
    before = server.counts()[0]
    (reject,) = taught(tmp_path, teacher(server, command), 1)
    assert isinstance(reject, Reject) and reject.reason == reason and reject.item
    assert server.counts()[0] - before == calls


def test_a_timeout_is_a_reject(server, tmp_path):
    (reject,) = taught(tmp_path, teacher(server, "hang", timeout=0.2), 1)
    assert reject.reason == "teacher:timeout"


def test_several_samples_agree_or_not(server, tmp_path):
    # Three seeds in a row say happy, happy, angry; the third text does not pass verification.
    (row,) = taught(tmp_path, teacher(server, "differ"), 1, samples=3, repairs=0)
    assert row.making.agreement == 1.0 and "happy" in answers([row])[0]
    two = [teacher(server, "happy"), teacher(server)]
    # One text states an emotion, the other a unit as well: F1 = 2·1 / (1 + 2).
    (row,) = taught(tmp_path, two, 1)
    assert row.making.agreement == pytest.approx(2 / 3)
    (reject,) = taught(tmp_path, two, 1, min_agreement=0.9)
    assert reject.reason == "no_consensus"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("judge_yes", None),
        ("judge_no", "judge:rejected"),
        ("judge_drift", "judge:schema"),
        ("html", "judge:html"),
    ],
)
def test_a_judge_has_the_last_word(server, tmp_path, command, reason):
    judge = teacher(server, command)
    (result,) = taught(tmp_path, teacher(server), 1, judge=judge, repairs=0)
    if reason is None:
        assert isinstance(result, Row) and result.making.usage["prompt_tokens"] == 200
    else:
        assert result.reason == reason


def test_our_own_model_sees_the_picture_and_the_question_alone(server, tmp_path):
    for n in range(2):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{n}.png")
    (reject,) = taught(tmp_path, teacher(server, "echo", kind="own"), 1, repairs=0)
    told = reject.item["raw_output"]
    assert "data:image/png;base64," in told and "Known:" not in told and "AU12" not in told
    with pytest.raises(FaceLLMError, match=r"cannot read the picture 2\.png"):
        taught(tmp_path, teacher(server, "echo", kind="own"), 3)


def test_our_own_model_is_not_told_its_errors_which_name_the_labels(server, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    before = server.counts()[0]
    (reject,) = taught(tmp_path, teacher(server, "mend", kind="own"), 1)
    assert reject.reason == "wrong_unit:AU15" and server.counts()[0] - before == 3
    (row,) = taught(tmp_path, teacher(server, "mend", kind="endpoint"), 1)
    assert row.making.attempts == 2


def test_a_second_run_pays_nothing_and_gives_the_same_rows(server, tmp_path):
    first = taught(tmp_path, teacher(server), 20)
    before = server.counts()[0]
    assert taught(tmp_path, teacher(server), 20, concurrency=3) == first
    assert server.counts()[0] == before


def test_an_interrupted_run_pays_only_for_the_rest(server, tmp_path):
    before = server.counts()[0]
    whole = taught(tmp_path / "whole", teacher(server), 10)
    calls = server.counts()[0] - before
    step = Teach(teacher=teacher(server), writers=["caption"], concurrency=1, ahead=1)
    begun = step.run([sample(n) for n in range(10)], tmp_path)
    rows = [next(begun) for _ in range(4)]
    begun.close()
    rows += step.run([sample(n) for n in range(4, 10)], tmp_path)
    assert rows == whole
    assert calls == 10 and server.counts()[0] - before == 20


def test_a_server_that_is_gone_stops_the_run_and_keeps_what_was_done(server, tmp_path):
    taught(tmp_path, teacher(server), 5)
    gone = teacher(server, stop_after=8)
    step = Teach(teacher=gone, writers=["caption"])
    before = server.counts()[0]
    assert len(list(step.run([sample(n) for n in range(5)], tmp_path))) == 5
    assert server.counts()[0] == before
    dead = Teach(
        teacher={**gone, "base_url": "http://127.0.0.1:9/v1"}, writers=["caption"], cache=None
    )
    with pytest.raises(FaceLLMError, match=r"failed \d+ calls in a row") as caught:
        list(dead.run([sample(n) for n in range(100)], tmp_path / "other"))
    failed = int(re.search(r"failed (\d+) calls", str(caught.value))[1])
    assert 8 <= failed < 100, "the limit, and calls that were under way"


def test_rows_pass_in_their_place_and_items_without_labels_are_rejects(server, tmp_path):
    row = taught(tmp_path, teacher(server), 1)[0]
    step = Teach(teacher=teacher(server), writers=["caption"])
    items = [sample(1), row, sample(2, FaceLabels()), sample(3)]
    kinds = [type(one).__name__ for one in step.run(items, tmp_path)]
    assert kinds == ["Row", "Row", "Reject", "Row"]


def test_a_wrong_option_is_named():
    with pytest.raises(ValueError, match="model"):
        Teach(teacher={"base_url": "http://x"})


@pytest.mark.slow
def test_the_server_is_kept_busy(tmp_path):
    """Where the machine has room; with little CPU left the client itself is the limit."""
    with FakeServer(delay=0.4, at_once=16) as server:
        made = teacher(server)
        step = Teach(teacher=made, writers=["caption"], concurrency=16)
        began = time.monotonic()
        rows = list(step.run([sample(n) for n in range(160)], tmp_path))
        took = time.monotonic() - began
    assert len(rows) == 160
    # 160 calls, 16 at a time, 0.4 s each: 4 s at best.
    assert took < 4 / 0.75, took
