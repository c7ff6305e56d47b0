"""Imported conversations: what becomes of turns, tags and files, and the mistakes people make."""

import json
from pathlib import Path
from typing import Any

import miniatures_other as mini
import pytest
from miniatures_images import append, picture, write
from miniatures_other import dump, llava

from data_engine.row import Row
from data_engine.sources import load_source
from data_engine.sources.base import content_id
from data_engine.step import Reject
from data_engine.steps.verify import Verify
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels

ASK, TELL = "<image>\nWho smiles?", "Nobody."


def read(name: str, path: Path, out: Path, **options: object) -> list:
    return list(load_source(name)(path=path, **options).items(out))


def said(row: Row) -> list[tuple[str, list[str]]]:
    """Role and parts of each turn, placeholders in angle brackets."""
    return [
        (message.role, [part.text or f"<{part.type}>" for part in message.content])
        for message in row.messages
    ]


@pytest.fixture
def chat(tmp_path: Path, out: Path) -> Any:
    """Write records beside a.jpg, b.jpg and v.mp4 and read them with a source."""
    folder = tmp_path / "chat"
    picture(folder / "a.jpg", 1)
    picture(folder / "b.jpg", 2)
    mini.video(folder / "v.mp4")

    def run(*records: Any, name: str = "sharegpt", file: str = "chat.json", **options: Any) -> list:
        return read(name, dump(folder / file, list(records)), out, **options)

    return run


def test_llava_turns_become_parts_with_the_picture_at_its_place(chat, out):
    row = chat(
        llava("a.jpg", "Look: <image>\nWho smiles?", TELL, "And now?", "Still nobody.", id="7",
              system="Be brief."),
        dataset="mine", licence="MIT", teacher="people",
    )[0]  # fmt: skip
    assert said(row) == [
        ("system", ["Be brief."]), ("user", ["Look:", "<image>", "Who smiles?"]),
        ("assistant", ["Nobody."]), ("user", ["And now?"]), ("assistant", ["Still nobody."]),
    ]  # fmt: skip
    key = content_id(out / row.images[0])
    assert row.sample_ids == [key]
    assert row.provenance.model_dump() == {
        "source": "mine", "licence": "MIT", "subject_id": f"mine-{key}", "consent": "not stated",
    }  # fmt: skip
    assert (row.making.writer, row.making.teacher, row.weak) == ("imported", "people", False)
    assert row.truth is None


def test_openai_messages_may_hold_typed_parts(chat):
    ask = [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "Same person?"}]
    rows = chat(
        {"images": ["a.jpg", "b.jpg"],
         "messages": [{"role": "user", "content": ask}, {"role": "assistant", "content": "No."}]},
        {"videos": ["v.mp4"],
         "messages": [{"role": "user", "content": "<video>What happens?"},
                      {"role": "assistant", "content": "Noise."}]},
        {"messages": [{"role": "user", "content": "What is AU12?"},
                      {"role": "assistant", "content": "A pulled lip corner."}]},
        file="chat.jsonl",
    )  # fmt: skip
    assert said(rows[0])[0] == ("user", ["<image>", "<image>", "Same person?"])
    assert [Path(i).name for i in rows[0].images] == ["a.jpg", "b.jpg"]
    assert [Path(v).name for v in rows[1].videos] == ["v.mp4"]
    assert rows[2].sample_ids == []
    assert rows[2].provenance.subject_id == f"chat-row:{rows[2].id}"


def test_an_answer_no_label_speaks_about_is_rejected_as_that(chat, out):
    smile = "The lip corners are pulled up (AU12). The face looks happy."
    rows = chat(
        llava("a.jpg", "<image>What shows?", smile),
        {"images": ["a.jpg", "b.jpg"], "messages": [
            {"role": "user", "content": "<image><image>Who smiles?"},
            {"role": "assistant", "content": "Both. " + smile}]},
    )  # fmt: skip
    assert [row.facts for row in rows] == [[FaceLabels()], [FaceLabels()] * 2]
    found = list(Verify().run(rows, out))
    assert [reject.reason for reject in found] == ["unsupported:AU12"] * 2
    assert "no label speaks about AU12" in found[0].detail
    assert list(Verify(unlabelled="allow").run(rows, out)) == rows


def test_ids_depend_on_content_alone(chat):
    first = chat(llava("a.jpg", ASK, TELL), file="one.json")[0]
    again = chat(llava(["a.jpg"], ASK, TELL, id=3), file="two.jsonl")[0]
    other = chat(llava("b.jpg", ASK, TELL), file="three.json")[0]
    assert first.id == again.id != other.id


def test_tags_can_be_added_where_the_set_has_none(chat):
    record = llava(["a.jpg", "b.jpg"], "Same person?", "No.")
    with pytest.raises(FaceLLMError, match=r"chat.json:entry 1: 0 <image> in the text for 2 image"):
        chat(record)
    row = chat(record, add_tags=True)[0]
    assert said(row)[0] == ("user", ["<image>", "<image>", "Same person?"])


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (llava("a.jpg", "<image><image> Who?", TELL), "2 <image> in the text for 1 image files"),
        (llava(None, ASK, TELL), "1 <image> in the text for 0 image files"),
        (llava("a.jpg", "<image>", "<image>"), "turn 2: assistant shows a picture"),
        (llava("https://x.org/a.jpg", ASK, TELL), "'https://x.org/a.jpg' is no path; download"),
        (llava(3, ASK, TELL), "image is '3'; expected text or a list"),
        (llava("a.jpg", ASK), "the roles are user; expected user and assistant by turns"),
        (llava("a.jpg", ASK, " "), "turn 2 says nothing"),
        ({"image": "a.jpg"}, "no turns; expected a list of messages"),
        ({"conversations": [{"from": "observation", "value": "{}"}]}, "role 'observation'"),
        ({"conversations": ["hello"]}, "turn 1 is 'hello'; expected an object"),
        ({"conversations": [{"from": "human"}]}, "turn 1 has no text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "a"}]}]},
            "turn 1 has the part .*image_url",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "turn 1 has the part"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": " "}]},
                    {"role": "assistant", "content": "Yes."},
                ]
            },
            "turn 1 says nothing",
        ),
    ],
)
def test_a_wrong_record_is_named(chat, record, error):
    with pytest.raises(FaceLLMError, match=rf"chat.jsonl:2: .*{error}"):
        chat(llava("a.jpg", ASK, TELL), record, file="chat.jsonl")


def test_an_id_given_twice_is_named_unless_ids_may_repeat(chat):
    records = [llava("a.jpg", ASK, TELL, id="x"), llava("b.jpg", ASK, TELL, id="x")]
    with pytest.raises(FaceLLMError, match=r"entry 2: .*'x'.* was given at chat.json:entry 1"):
        chat(*records)
    assert len(chat(*records, id_key=None)) == 2


def test_the_same_words_about_the_same_picture_come_once(chat):
    items = chat(llava("a.jpg", ASK, TELL, id=1), llava("a.jpg", ASK, TELL, id=2))
    assert [type(i) for i in items] == [Row, Reject]
    assert items[1].reason == "duplicate_row"
    assert "chat.json:entry 2 says the same as chat.json:entry 1" in items[1].detail


def test_a_missing_or_damaged_picture_is_a_reject(chat, tmp_path):
    (tmp_path / "chat" / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "chat" / "bad.mp4").write_bytes(b"no video")
    items = chat(
        llava("gone.jpg", ASK, TELL), llava("bad.jpg", ASK, TELL), llava("b.jpg", ASK, TELL),
        llava(None, "<video> Who?", TELL, video="bad.mp4"), file="chat.jsonl",
    )  # fmt: skip
    rejects = [i for i in items if isinstance(i, Reject)]
    assert [r.reason for r in rejects] == ["missing_file", "unreadable_file", "unreadable_file"]
    assert "named at chat.jsonl:1" in rejects[0].detail


def test_broken_json_is_named_by_its_line(chat, tmp_path, out):
    file = write(tmp_path / "c.jsonl", json.dumps(llava(None, "Hi", "Ho")), '{"conversations": [')
    with pytest.raises(FaceLLMError, match=r"c.jsonl:2: no json"):
        read("sharegpt", file, out)
    file.write_bytes(b'{"a": "\xff"}\n')
    with pytest.raises(FaceLLMError, match=r"c.jsonl:1: expected UTF-8"):
        read("sharegpt", file, out)
    for line, problem in [
        ("[" * 100_000, "no json: maximum recursion"),
        ('{"a": ' + "1" * 5000 + "}", "no json: Exceeds the limit"),
        ('{"a": "half \\ud83d"}', "holds half of a character"),
        ('{"a": "\t"}', "no json: Invalid control character at character 8"),
    ]:
        with pytest.raises(FaceLLMError, match=rf"c.jsonl:2: {problem}"):
            read("sharegpt", write(tmp_path / "c.jsonl", "", line), out)
    file = write(tmp_path / "c.json", "[", '{"conversations": []},', "{oops}]")
    with pytest.raises(FaceLLMError, match=r"c.json:3: no json"):
        read("sharegpt", file, out)
    file = write(tmp_path / "c.json", '{"a": 1}', '{"a": 2}')
    with pytest.raises(FaceLLMError, match=r"c.json:2: .*name a file of one record a line .jsonl"):
        read("sharegpt", file, out)
    with pytest.raises(FaceLLMError, match=r"c.json: expected a list"):
        read("sharegpt", write(tmp_path / "c.json", "{}"), out)
    with pytest.raises(FaceLLMError, match=r"c.json:entry 1: '4' is no record"):
        read("sharegpt", write(tmp_path / "c.json", "[4]"), out)
    with pytest.raises(FaceLLMError, match=r"no json or jsonl file in"):
        read("sharegpt", out, out)
    with pytest.raises(FaceLLMError, match=r"gone.json does not exist"):
        read("sharegpt", tmp_path / "gone.json", out)


def test_split_and_subject_can_come_from_the_records(chat):
    records = [
        llava("a.jpg", ASK, TELL, part="dev", person="ann"),
        llava("b.jpg", ASK, TELL, part="train", person="ann"),
    ]
    options = {"split_key": "part", "subject_key": "person"}
    rows = chat(*records, **options)
    assert [r.split for r in rows] == ["val", "train"]
    assert {r.provenance.subject_id for r in rows} == {"chat-ann"}
    assert [r.split for r in chat(*records, split="train", **options)] == ["train"]
    with pytest.raises(FaceLLMError, match=r"entry 1: 'ann' is no split"):
        chat(*records, split_key="person")


def test_alpaca_joins_instruction_and_input_after_the_history(chat):
    row = chat(
        {"instruction": "Translate.", "input": "AU12", "output": "Lip corner puller",
         "system": "Be exact.", "history": [["Hi", "Ho"]]},
        name="alpaca",
    )[0]  # fmt: skip
    assert said(row) == [
        ("system", ["Be exact."]), ("user", ["Hi"]), ("assistant", ["Ho"]),
        ("user", ["Translate.\nAU12"]), ("assistant", ["Lip corner puller"]),
    ]  # fmt: skip
    row = chat({"instruction": ASK, "output": TELL, "image": "a.jpg"}, name="alpaca")[0]
    assert said(row)[0] == ("user", ["<image>", "Who smiles?"])


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"instruction": "a"}, "output is missing or empty"),
        ({"instruction": ["a"], "output": "b"}, "instruction is .*; expected text"),
        ({"instruction": "a", "output": "b", "history": [["q"]]}, "history holds"),
        ({"instruction": "a", "output": "b", "history": {"q": "a"}}, "history holds"),
        ({"instruction": "a", "output": "b", "history": "q"}, "history holds 'q'"),
    ],
)
def test_alpaca_names_a_wrong_record(chat, record, error):
    with pytest.raises(FaceLLMError, match=rf"chat.json:entry 1: .*{error}"):
        chat(record, name="alpaca")


def test_faba_finds_its_pictures_whatever_the_folder_is_called(tmp_path, out):
    root = mini.faba(tmp_path / "renamed")
    rows = read("faba", root, out)
    assert [(r.task, r.split) for r in rows] == [
        ("action_unit_description", "train"), ("emotion_description", "train"),
        ("action_unit_description", "test"), ("emotion_description", "test"),
    ]  # fmt: skip
    assert said(rows[0])[0] == ("user", ["Which units?", "<image>"])
    assert all((out / r.images[0]).is_file() and r.weak for r in rows)
    assert [r.split for r in read("faba", root, out, split="eval", kinds=["au"])] == ["test"]


def test_faba_names_a_mistake(tmp_path, out):
    root = mini.faba(tmp_path / "FABAInstruct")
    with pytest.raises(FaceLLMError, match=r"'test' is not a split of faba; .*train, eval"):
        read("faba", root, out, split="test")
    (root / "eval" / "eval_au_anno.json").unlink()
    with pytest.raises(FaceLLMError, match=r"eval_au_anno.json does not exist"):
        read("faba", root, out)
    file = root / "train" / "train_au_anno.json"
    records = json.loads(file.read_text())
    dump(file, records * 2)
    with pytest.raises(FaceLLMError, match=r"entry 2: .*AffectNet/1.*entry 1; expected it once"):
        read("faba", root, out)
    dump(file, [{**records[0], "image": "1.jpg"}])
    with pytest.raises(FaceLLMError, match=r"entry 1: image is '1.jpg'; expected such as"):
        read("faba", root, out)


def test_fea20k_reads_one_stage_and_keeps_the_labels(tmp_path, out):
    root = mini.fea20k(tmp_path / "fea")
    options = {"media": root / "pictures"}
    rows = read("fea20k", root / "texts", out, **options)
    assert [(r.split, r.truth) for r in rows] == [
        ("test", {"action_units": [4, 33], "emotions": []}),
        ("train", {"action_units": [6, 12], "emotions": ["happiness"]}),
        ("train", {"action_units": [4, 33], "emotions": []}),
    ]  # fmt: skip
    assert [[f.emotion for f in r.facts] for r in rows] == [[None], ["happiness"], [None]]
    assert said(rows[2]) == [
        ("user", ["<image>", "Which units act?"]), ("assistant", ["The brows are lowered."]),
    ]  # fmt: skip
    second = read("fea20k", root / "texts", out, stage=2, split="train", **options)
    assert [r.truth["emotions"] for r in second] == [["happiness"]]
    assert [r.split for r in read("fea20k", root / "texts", out, split="test", **options)] == [
        "test"
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"labels": ["Bored"]}, "labels: 'Bored' is not an emotion"),
        ({"AUs": ["12"]}, "AUs holds '12'; expected codes such as 'AU12'"),
        ({"description": ""}, "description is missing or empty"),
        ({"id": "1"}, "'1'.* was given at .*:1"),
    ],
)
def test_fea20k_names_a_wrong_record(tmp_path, out, change, error):
    root = mini.fea20k(tmp_path / "fea")
    record = json.loads((root / "texts" / "FABA-Test.jsonl").read_text())
    append(root / "texts" / "FABA-Train-stage1.jsonl", json.dumps({**record, "id": "9", **change}))
    with pytest.raises(FaceLLMError, match=rf"FABA-Train-stage1.jsonl:3: .*{error}"):
        read("fea20k", root / "texts", out, media=root / "pictures")


def test_faceinstruct_reads_clips_and_pictures(tmp_path, out):
    root = mini.faceinstruct(tmp_path / "fi")
    rows = read("faceinstruct", root, out)
    assert [(len(r.images), len(r.videos)) for r in rows] == [(0, 1), (1, 0)]
    assert said(rows[0])[0] == ("user", ["<video>", "What is the emotion?"])
    assert said(rows[1])[1] == ("assistant", ["About 30."])
    with pytest.raises(FaceLLMError, match=r"emotion.json:entry 3: no turns"):
        dump(root / "emotion.json", [*json.loads((root / "emotion.json").read_text()), {}])
        read("faceinstruct", root, out)


def test_fairfacegpt_keeps_the_answers_about_a_face_together(tmp_path, out):
    root = mini.fairfacegpt(tmp_path / "ffg")
    media = root / "fairface_img_margin025"
    rows = read("fairfacegpt", root, out, media=media)
    key = content_id(media / "val" / "1.jpg")
    assert {r.provenance.subject_id for r in rows} == {f"fairface-{key}"}
    assert [said(r)[0][1][0] for r in rows] == ["<image>", "<image>"]  # one tag was missing
    assert len({r.split for r in rows}) == 1
    assert rows[0].id != rows[1].id
    with pytest.raises(FaceLLMError, match=r"elsewhere does not exist; expected FairFace's pict"):
        read("fairfacegpt", root, out, media=root / "elsewhere")
