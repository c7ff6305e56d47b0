"""The whole export: what is written, what is left out and said so, what stops it."""

import errno
import fcntl
import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from little_corpora import IMAGE, PHOTO, RENDERED, MakeRow, said
from PIL import Image

import data_engine.export
from data_engine.export import ExportOptions, export_rows
from data_engine.export.columns import CHAT_SCHEMA, RL_SCHEMA
from data_engine.export.losses import Losses
from data_engine.export.parquet import ParquetShards
from data_engine.row import Making, Part, Row
from data_engine.shards import StepCount
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError

ALL = ExportOptions(forms=("chat", "rl", "sharegpt"), gallery_rows=2)
PLAIN = ExportOptions(gallery_rows=0)


def table(path: Path) -> list[dict[str, Any]]:
    return [row for file in sorted(path.parent.glob(path.name)) for row in
            pq.read_table(file).to_pylist()]  # fmt: skip


def test_all_forms_of_a_small_corpus(tmp_path: Path, make_row: MakeRow) -> None:
    rows = [make_row(0), make_row(1, split="val"), make_row(2, truth=None)]
    out = tmp_path / "export"
    done = export_rows(rows, tmp_path, out, ALL)
    assert done.rows == {"train": 2, "val": 1} and done.scorable == {"train": 1, "val": 1}
    assert done.failures == {"not_scorable": 1}
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*")) == [
        "README.md", "data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet",
        "dataset_info.json", "export.json", "failures.jsonl", "gallery.png", "labels.png",
        "rl/train-00000-of-00001.parquet", "rl/validation-00000-of-00001.parquet",
        "sharegpt/train.jsonl", "sharegpt/validation.jsonl",
    ]  # fmt: skip
    first = table(out / "data" / "train-*")[0]
    assert first["messages"][0]["content"] == [
        {"type": "image", "text": None},
        {"type": "text", "text": "What does face 0 show, and why?"},
    ]
    assert first["images"] == [{"bytes": (tmp_path / "images/0.jpg").read_bytes(), "path": "0.jpg"}]
    assert json.loads(first["truth"]) == {"emotion": "happiness"}
    assert json.loads(first["facts"])[0]["action_units"] == {"6": 2.6, "12": 4.0, "4": 0.0}
    assert json.loads(first["facts"])[0]["weak"] == ["action_units", "emotion"]
    making = ("writer", "teacher", "prompt_hash", "raw_output", "finish_reason", "attempts")
    assert [first[c] for c in making] == ["exp_cot", "tiny", "ab12", "raw", "stop", 2]
    assert first["agreement"] == 0.5
    assert json.loads(first["usage"]) == {"prompt_tokens": 5, "completion_tokens": 2}
    assert (first["source"], first["licence"]) == ("procedural rig", "Apache-2.0")
    assert first["weak"] is True and first["sample_ids"] == ["sample0"]
    assert json.loads((out / "export.json").read_text())["rows"] == {"train": 2, "val": 1}


def test_rl_rows_end_before_the_scored_answer(tmp_path: Path, make_row: MakeRow) -> None:
    turns = [said("user", IMAGE, "first?"), said("assistant", "one"), said("user", "and?"),
             said("assistant", "two")]  # fmt: skip
    both = {"turns": [
        {"task": "expression", "truth": {"emotion": "fear"}},
        {"task": "action_units", "truth": {"action_units": {"5": 3}}},
    ]}  # fmt: skip
    refused = {"turns": [both["turns"][0], {"task": "refusal", "truth": None}]}
    rows = [
        make_row(0, messages=turns),
        make_row(1, messages=turns[:3]),
        make_row(2, messages=turns, task="multi_turn", truth=both),
        make_row(3, messages=turns, task="multi_turn", truth=refused),
    ]
    done = export_rows(rows, tmp_path, tmp_path / "out", ALL)
    row, last = table(tmp_path / "out" / "rl" / "train-*")
    assert [m["role"] for m in row["prompt"]] == ["user", "assistant", "user"]
    assert set(row) == {"id", "prompt", "images", "truth", "task", "subject_id", "dataset"}
    assert (row["dataset"], row["task"]) == ("procedural rig", "reasoning")
    assert (last["task"], last["truth"]) == ("action_units", '{"action_units":{"5":3}}')
    # Row 1 has no answer to its last question, row 3 none that could be scored.
    assert done.failures == {"not_scorable": 2}


def test_sharegpt_counts_its_tags(tmp_path: Path, make_row: MakeRow) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"any")
    both = make_row(
        0, images=["images/0.jpg", "images/0.jpg"], videos=["clip.mp4"], messages=[
            said("system", "Be brief."),
            said("user", IMAGE, IMAGE, Part(type="video"), "Which one smiles?"),
            said("assistant", "Neither."),
        ],
    )  # fmt: skip
    export_rows([both], tmp_path, tmp_path / "out", PLAIN)
    (line,) = (tmp_path / "out/sharegpt/train.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "id": "row0",
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "<image>\n<image>\n<video>\nWhich one smiles?"},
            {"from": "gpt", "value": "Neither."},
        ],
        "images": ["../images/0.jpg", "../images/0.jpg"],
        "videos": ["../clip.mp4"],
    }
    assert (tmp_path / "out" / json.loads(line)["images"][0]).is_file()
    info = json.loads((tmp_path / "out/dataset_info.json").read_text())
    assert info == {
        "facellm_train": {
            "file_name": "sharegpt/train.jsonl",
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "images": "images", "videos": "videos"},
            "tags": {
                "role_tag": "from", "content_tag": "value", "user_tag": "human",
                "assistant_tag": "gpt", "system_tag": "system",
            },
        }
    }  # fmt: skip


def broken(make_row: MakeRow, folder: Path) -> list[Row]:
    cut = make_row(3)
    whole = (folder / "images/3.jpg").read_bytes()
    (folder / "images/3.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "images/page.jpg").write_text("<html>not found</html>")
    tagged = [said("user", IMAGE, "What is <image>?"), said("assistant", "A tag.")]
    return [
        make_row(2, images=["images/none.jpg"]),
        cut,
        make_row(4, images=["images/page.jpg"]),
        make_row(5, images=[]),
        make_row(6, messages=tagged),
        make_row(7, messages=[said("user", IMAGE, Part(type="text")), said("assistant", "?")]),
        make_row(8, videos=["clip.mp4"], messages=[
            said("user", IMAGE, Part(type="video"), "?"), said("assistant", "!")]),
    ]  # fmt: skip


def test_rows_that_cannot_leave_are_listed_and_the_rest_goes_on(
    tmp_path: Path, make_row: MakeRow
) -> None:
    bad = broken(make_row, tmp_path)
    out = tmp_path / "out"
    done = export_rows([make_row(0), *bad, make_row(1)], tmp_path, out, PLAIN)
    assert done.rows == {"train": 2}
    assert done.failures == {
        "missing_file": 2, "unreadable_file": 2, "parts_mismatch": 1, "tag_in_text": 1,
        "no_text": 1,
    }  # fmt: skip
    listed = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
    assert [f["row_id"] for f in listed] == [row.id for row in bad]
    assert listed[0] == {
        "row_id": "row2", "reason": "missing_file", "detail": "images/none.jpg",
    }  # fmt: skip
    assert [r["id"] for r in table(out / "data" / "train-*")] == ["row0", "row1"]
    assert "left out, see failures.jsonl: missing_file 2" in str(done)
    card = (out / "README.md").read_text()
    assert "**Warning**: 7 rows of the run could not be exported" in card
    assert "| export | missing_file | 2 | images/none.jpg |" in card


def test_nothing_to_export_is_an_error_and_leaves_nothing(
    tmp_path: Path, make_row: MakeRow
) -> None:
    with pytest.raises(FaceLLMError, match="no rows to export"):
        export_rows([], tmp_path, tmp_path / "out", PLAIN)
    lost = [make_row(n, images=["none.jpg"]) for n in range(3)]
    with pytest.raises(FaceLLMError, match=r"none of 3 rows .* missing_file, such as none.jpg"):
        export_rows(lost, tmp_path, tmp_path / "out", PLAIN)
    assert [p.name for p in tmp_path.iterdir()] == ["images"]


def test_the_rl_form_alone_needs_gold_answers(tmp_path: Path, make_row: MakeRow) -> None:
    options = ExportOptions(forms=("rl",), gallery_rows=0)
    with pytest.raises(FaceLLMError, match="none of 1 rows has a gold answer"):
        export_rows([make_row(0, truth=None)], tmp_path, tmp_path / "out", options)


def test_shards_have_a_size_and_final_names(tmp_path: Path) -> None:
    shards = ParquetShards(tmp_path, RL_SCHEMA, 2500 * 1000)
    noise = random.Random(0)
    for n in range(3500):
        picture = {"bytes": noise.randbytes(1600), "path": f"{n}.jpg"}
        shards.add("train", dict.fromkeys(RL_SCHEMA.names) | {"id": str(n), "images": [picture]})
    assert list(tmp_path.glob("*.parquet")) == []
    assert shards.close() == {"train": 3500}
    names = [p.name for p in sorted(tmp_path.iterdir())]
    assert names == ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    assert [r["id"] for r in table(tmp_path / "train-*")] == [str(n) for n in range(3500)]


def test_rows_of_one_picture_store_it_once(tmp_path: Path) -> None:
    sizes = []
    noise = Image.effect_noise((200, 200), 90).tobytes()
    for times in (1, 50):
        shards = ParquetShards(tmp_path / str(times), CHAT_SCHEMA, 1 << 30)
        for n in range(times):
            cells = dict.fromkeys(CHAT_SCHEMA.names) | {"id": str(n)}
            shards.add("train", cells | {"images": [{"bytes": noise, "path": "x"}]})
        shards.close()
        (file,) = (tmp_path / str(times)).iterdir()
        sizes.append(file.stat().st_size)
    assert sizes[1] < 1.2 * sizes[0]


def test_pictures_by_path(tmp_path: Path, make_row: MakeRow) -> None:
    options = PLAIN.model_copy(update={"pictures": "paths"})
    export_rows([make_row(0)], tmp_path, tmp_path / "out", options)
    (row,) = table(tmp_path / "out" / "data" / "train-*")
    assert row["images"] == [{"bytes": None, "path": str(tmp_path / "images/0.jpg")}]
    assert "work on one machine" in (tmp_path / "out/README.md").read_text()


def test_a_finished_export_is_replaced_only_if_asked(tmp_path: Path, make_row: MakeRow) -> None:
    out = tmp_path / "out"
    export_rows([make_row(0)], tmp_path, out, PLAIN)
    with pytest.raises(FaceLLMError, match="overwrite: true"):
        export_rows([make_row(1)], tmp_path, out, PLAIN)
    replace = PLAIN.model_copy(update={"overwrite": True})
    assert export_rows([make_row(1), make_row(2)], tmp_path, out, replace).rows == {"train": 2}
    assert len(table(out / "data" / "train-*")) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["images", "out"]


def test_an_export_that_fails_leaves_the_old_one(tmp_path: Path, make_row: MakeRow) -> None:
    out = tmp_path / "out"
    export_rows([make_row(0)], tmp_path, out, PLAIN)
    replace = PLAIN.model_copy(update={"overwrite": True})
    with pytest.raises(FaceLLMError, match="no rows"):
        export_rows([], tmp_path, out, replace)
    assert [r["id"] for r in table(out / "data" / "train-*")] == ["row0"]


def test_strange_targets(tmp_path: Path, make_row: MakeRow) -> None:
    (tmp_path / "file").write_text("x")
    for name, match in (("file", "is a file"), ("images", "holds files that are no export")):
        with pytest.raises(FaceLLMError, match=match):
            export_rows([make_row(0)], tmp_path, tmp_path / name, PLAIN)


def test_what_a_killed_export_left_is_thrown_away(tmp_path: Path, make_row: MakeRow) -> None:
    left = tmp_path / "out.part" / "data"
    left.mkdir(parents=True)
    (left / "train-00000.parquet.part").write_text("half")
    export_rows([make_row(0)], tmp_path, tmp_path / "out", PLAIN)
    assert [p.name for p in (tmp_path / "out" / "data").iterdir()] == [
        "train-00000-of-00001.parquet"
    ]


def test_two_exports_into_one_folder(tmp_path: Path, make_row: MakeRow) -> None:
    (tmp_path / "out.part").mkdir()
    with (tmp_path / "out.part" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FaceLLMError, match=r"another export into .* is running"):
            export_rows([make_row(0)], tmp_path, tmp_path / "out", PLAIN)


def test_a_full_disk_is_one_clear_line(
    tmp_path: Path, make_row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(FaceLLMError, match=r"no space left .* free some space"):
        export_rows([make_row(0)], tmp_path, tmp_path / "out", PLAIN)
    assert [p.name for p in tmp_path.iterdir()] == ["images"]


def test_the_card_tells_what_is_inside(tmp_path: Path, make_row: MakeRow) -> None:
    templates = Making(writer="caption")
    rows = [
        make_row(0),
        make_row(1, split="test", provenance=PHOTO),
        make_row(2, provenance=PHOTO, weak=False, facts=[], making=templates, id="row0"),
    ]
    near = Reject(item_id="a", step="near_duplicates", reason="near_duplicate:b", detail="like b")
    looked = StepCount(step="near_duplicates", taken=4, given=3, rejects={"near_duplicate:b": 1})
    odd = Reject(item_id="c", step="verify", reason="contradiction:AU12", detail="x | y <think>")
    export_rows(rows, tmp_path, tmp_path / "out", PLAIN, [near, odd, odd], steps=[looked])
    card = (tmp_path / "out/README.md").read_text()
    for line in (
        "license: other",
        "3 conversations about 3 pictures and videos of 2 persons. 2 rows (66.7%)",
        "**Warning**: 1 rows have an id that another row has too.",
        "**Warning**: 1 persons are in more than one split.",
        "| press | research use | not stated | 2 |",
        "| procedural rig | Apache-2.0 | rendered, no person is shown | 1 |",
        "1 rows show rendered faces, 2 rows photographs",
        "| train | 2 | 2 |",
        "| emotion | happiness | 0 | 2 |",
        "| AU12 | estimated | 0 | 0 | 0 | 0 | 2 | 0 | 0 |",
        "| age band | adult | 2 | 100.0% |",
        "| exp_cot | tiny | 2 | 1 | `ab12` | 2.00 | 0.50 | 10 + 4 | stop: 2 |",
        "| caption | templates | 1 | – | – | 1.00 | – | – | – |",
        "| verify | contradiction:AU12 | 2 | x \\| y &lt;think> |",
        "| near_duplicates | near_duplicate:b | 1 | like b |",
        "| near_duplicates | 4 | 3 | 1 |",
        "Near-duplicate rate: 25.0% (1 of 4 items).",
    ):
        assert line in card, line


def test_one_known_licence_is_named_for_the_hub(tmp_path: Path, make_row: MakeRow) -> None:
    export_rows([make_row(0)], tmp_path, tmp_path / "out", ALL)
    head = (tmp_path / "out/README.md").read_text().split("---")[1]
    assert "license: apache-2.0" in head and "config_name: rl" in head
    assert "size_categories:\n- n<1K" in head
    assert RENDERED.licence == "Apache-2.0"


def test_diversity_against_a_baseline(tmp_path: Path, make_row: MakeRow) -> None:
    same = [said("user", IMAGE, "?"), said("assistant", "Always this.")]
    baseline = [make_row(n, messages=same) for n in range(2)]
    rows = [make_row(n) for n in range(4)]
    export_rows(rows, tmp_path, tmp_path / "out", PLAIN, baseline=baseline)
    card = (tmp_path / "out/README.md").read_text()
    # 2 words, twice: 2 different of 4; 1 pair of 2; no triples; the second answer is a duplicate.
    assert "| **baseline corpus**, as many | 2 | 0.500 | 0.500 | – |" in card
    assert "| **all writers**, drawn to compare | 2 |" in card


def test_reasons_that_name_ids_share_a_line() -> None:
    losses = Losses()
    for n in range(100):
        for reason in (f"near_duplicate:{n}", f"contradiction:AU{n % 3}", "unreadable_file"):
            losses.reject(Reject(item_id="x", step="s", reason=reason, detail=str(n)))
    assert losses.rejects == {
        ("s", "near_duplicate:…"): 100,
        ("s", "contradiction:AU0"): 34,
        ("s", "contradiction:AU1"): 33,
        ("s", "contradiction:AU2"): 33,
        ("s", "unreadable_file"): 100,
    }
    assert losses.examples["s", "near_duplicate:…"] == "0"
    assert losses.examples.keys() == losses.rejects.keys()


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FaceLLMError, match=r"needs pyarrow: pip install"):
        importlib.reload(data_engine.export)
