"""Generic folders and tables, and EmoNet-Face: what columns mean, and the mistakes people make."""

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import miniatures_other as mini
import pytest
from miniatures_images import append, edit, picture, write
from PIL import Image

from data_engine.sources import load_source
from data_engine.sources.base import content_id
from data_engine.sources.emonet_face import CATEGORIES
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Sample


def read(name: str, path: Path, out: Path, **options: object) -> list:
    return list(load_source(name)(path=path, **options).items(out))


def labels(item: Sample) -> dict[str, Any]:
    return item.faces[0].labels.model_dump(exclude_defaults=True)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A csv of three pictures with an OpenFace column, a box and groups."""
    for n, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        picture(tmp_path / "set" / name, n)
    return write(
        tmp_path / "set" / "labels.csv",
        "path,label,split,subject,age,AU12_r,AU12_c,x0,y0,x1,y1,sex",
        "a.jpg,happy,train,p1,31,3.5,1,2,3,20,21,F",
        "b.jpg,meh,valid,p1,,0,0,,,,,",
        'c.jpg,,,p2,4.5,,1,0,0,24,24,"M"',
    )


MEH = {"aliases": {"meh": "neutral"}}


def test_a_folder_names_the_label(tmp_path, out):
    root = tmp_path / "faces"
    picture(root / "happy" / "deep" / "a.jpg", 1)
    picture(root / "Sad" / "b.png", 2)
    picture(root / "c.webp", 3)
    write(root / "happy" / "notes.txt", "not a picture")
    (root / "happy" / "bad.jpg").write_bytes(b"no picture")
    items = read("folder", root, out, licence="CC0")
    samples = [i for i in items if isinstance(i, Sample)]
    assert [(Path(s.image).name, labels(s)) for s in samples] == [
        ("c.webp", {}), ("b.png", {"emotion": "sadness"}), ("a.jpg", {"emotion": "happiness"}),
    ]  # fmt: skip
    assert [i.reason for i in items if isinstance(i, Reject)] == ["unreadable_file"]
    assert samples[0].faces[0].box == (0, 0, 24, 24)
    assert samples[0].provenance.source == "faces"
    picture(root / "bored" / "d.jpg", 4)
    with pytest.raises(FaceLLMError, match=r"faces/bored: 'bored' is not an emotion.*`aliases`"):
        read("folder", root, out)
    unlabelled = read("folder", root, out, aliases={"bored": None})
    assert len([i for i in unlabelled if isinstance(i, Sample)]) == 4


def test_a_folder_may_be_split_at_the_top(tmp_path, out):
    root = tmp_path / "faces"
    for n, path in enumerate(("train/happy/a.jpg", "validation/sad/b.jpg", "test/sad/c.jpg")):
        picture(root / path, n)
    items = read("folder", root, out)
    assert {i.split: labels(i)["emotion"] for i in items} == {
        "train": "happiness", "val": "sadness", "test": "sadness",
    }  # fmt: skip
    assert [i.split for i in read("folder", root, out, split="val")] == ["val"]


def test_a_csv_is_read_by_its_columns(table, out):
    box = {"box": ("x0", "y0", "x1", "y1"), "groups": ("sex",)}
    items = read("csv", table, out, columns=box, weak=["action_units", "age"], **MEH)
    assert [labels(i) for i in items] == [
        {"emotion": "happiness", "action_units": {12: 3.5}, "age": 31, "groups": {"sex": "F"},
         "weak": {"action_units", "age"}},
        {"emotion": "neutral", "action_units": {12: 0}, "weak": {"action_units"}},
        {"age": 4.5, "groups": {"sex": "M"}, "weak": {"age"}},
    ]  # fmt: skip
    assert [i.faces[0].box for i in items] == [(2, 3, 20, 21), (0, 0, 24, 24), (0, 0, 24, 24)]
    assert [i.split for i in items[:2]] == ["train", "val"]
    assert [i.provenance.subject_id for i in items] == ["set-p1", "set-p1", "set-p2"]
    assert items[0].id == content_id(table.parent / "a.jpg")
    assert [i.split for i in read("csv", table, out, split="val", **MEH)] == ["val"]


def test_columns_of_other_names_are_mapped(table, out, tmp_path):
    edit(table, "path,label,split,subject,age,AU12_r", "file,mood,part,who,years,lip")
    moved = write(tmp_path / "elsewhere" / "t.csv", table.read_text().strip())
    columns = {
        "path": "file", "label": "mood", "split": "part", "subject": "who", "age": "years",
        "units": {"lip": 12},
    }  # fmt: skip
    items = read("csv", moved, out, columns=columns, pictures=table.parent, **MEH)
    assert labels(items[0]) == {"emotion": "happiness", "action_units": {12: 3.5}, "age": 31}
    with pytest.raises(FaceLLMError, match=r"t.csv:1: lacks the column mouth; expected file, mou"):
        read("csv", moved, out, columns={"path": "file", "label": "mouth"})
    with pytest.raises(FaceLLMError, match=r"t.csv:1: lacks the column path"):
        read("csv", moved, out)
    with pytest.raises(FaceLLMError, match=r"nowhere does not exist; expected the folder of the"):
        read("csv", moved, out, pictures=tmp_path / "nowhere", columns=columns)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("b.jpg,meh", "b.jpg,bored", r"labels.csv:3: 'bored' is not an emotion"),
        ("valid", "holdout", r"labels.csv:3: 'holdout' is no split; expected one of train"),
        ("c.jpg,,,p2,4.5", "a.jpg,,,p2,4.5", r":4: 'a.jpg' was given at labels.csv:2"),
        ("p1,31", "p1,old", r"labels.csv:2: age is 'old'; expected a number from 0 to 130"),
        ("3.5", "7", r"labels.csv:2: AU12_r is '7'; expected a number from 0 to 5"),
        ("AU12_r", "AU99_r", r"labels.csv:2: column 'AU99_r': AU99 is not an action unit"),
        ("b.jpg,meh,valid", "b.jpg,meh", r"labels.csv:3: 11 fields; expected 12"),
        ("2,3,20,21", "2,3,1,21", r"labels.csv:2: the box 2 3 1 21 is empty"),
        ("label,split", "label,label", r"labels.csv:1: the column 'label' is there twice"),
    ],
)
def test_a_csv_names_the_line_of_a_mistake(table, out, old, new, error):
    edit(table, old, new)
    with pytest.raises(FaceLLMError, match=error):
        read("csv", table, out, columns={"box": ("x0", "y0", "x1", "y1")}, **MEH)


def test_a_csv_says_what_is_wrong_with_the_files(table, out, tmp_path):
    (table.parent / "b.jpg").unlink()
    items = read("csv", table, out, **MEH)
    rejects = [(i.reason, i.detail) for i in items if isinstance(i, Reject)]
    assert len(items) == 3
    assert rejects == [("missing_file", "b.jpg: no such file or directory, named at labels.csv:3")]
    with pytest.raises(FaceLLMError, match=r"nothing of split 'test' in .*one.csv"):
        read("csv", write(tmp_path / "set" / "one.csv", "path,split"), out, split="test")
    with pytest.raises(FaceLLMError, match=r"'nonsense' is not a split of csv"):
        read("csv", table, out, split="nonsense")
    with pytest.raises(FaceLLMError, match=r"labels.xlsx is no table; expected .*\.csv, \.tsv"):
        read("csv", table.rename(table.with_suffix(".xlsx")), out)


def test_jsonl_is_read_like_a_csv(table, out):
    lines = [
        {"path": "a.jpg", "label": "happy", "age": 31, "AU12_r": 3.5, "embedding": [1, 2]},
        {"path": "b.jpg", "label": None},
    ]
    file = mini.dump(table.parent / "labels.jsonl", lines)
    items = read("csv", file, out)
    assert [labels(i) for i in items] == [
        {"emotion": "happiness", "action_units": {12: 3.5}, "age": 31}, {},
    ]  # fmt: skip
    with pytest.raises(FaceLLMError, match=r"labels.jsonl:2: lacks age; expected path, age"):
        read("csv", file, out, columns={"age": "age"})
    append(file, "{broken")
    with pytest.raises(FaceLLMError, match=r"labels.jsonl:3: no json"):
        read("csv", file, out)
    mini.dump(file, [{"path": "a.jpg", "label": ["happy", "sad"]}])
    with pytest.raises(FaceLLMError, match=r"labels.jsonl:1: label is .*; expected text"):
        read("csv", file, out)


def png(seed: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (10, 12), (seed, 7, 9)).save(data, "PNG")
    return data.getvalue()


def shard(file: Path, rows: list[dict[str, Any]], names: list[str] | None = None) -> Path:
    """A parquet file, with the class names that `datasets` would write into it."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    table = pa.Table.from_pylist(rows)
    if names:
        features = {"label": {"names": names, "_type": "ClassLabel"}, "image": {"_type": "Image"}}
        info = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": info})
    file.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, file)
    return file


NAMES = ["sad", "happy"]


def embedded_rows() -> list[dict[str, Any]]:
    """Two pictures, the second also as an unlabelled and a damaged row."""
    return [
        {"image": {"bytes": png(1), "path": "x.png"}, "label": 1, "scores": [0.1]},
        {"image": {"bytes": png(2), "path": None}, "label": 0, "scores": []},
        {"image": {"bytes": png(2), "path": None}, "label": -1, "scores": []},
        {"image": {"bytes": b"no picture", "path": None}, "label": 1, "scores": []},
        {"image": None, "label": 1, "scores": []},
    ]


def test_parquet_writes_embedded_pictures_below_the_corpus(tmp_path, out):
    root = tmp_path / "set"
    shard(root / "data" / "train-00000-of-00001.parquet", embedded_rows(), NAMES)
    shard(root / "data" / "test-00000-of-00001.parquet", embedded_rows()[:1], NAMES)
    items = read("parquet", root, out)
    samples = [i for i in items if isinstance(i, Sample)]
    assert [(s.split, labels(s).get("emotion")) for s in samples] == [
        ("test", "happiness"), ("train", "happiness"), ("train", "sadness"), ("train", None),
    ]  # fmt: skip
    assert samples[1].image == f"pictures/set/{samples[1].id}.png"
    assert content_id(out / samples[1].image) == samples[1].id
    assert samples[1].faces[0].box == (0, 0, 10, 12)
    assert len(list((out / "pictures" / "set").iterdir())) == 2
    rejects = [(i.reason, i.detail) for i in items if isinstance(i, Reject)]
    assert [reason for reason, _ in rejects] == ["unreadable_file", "missing_file"]
    assert all("train-00000-of-00001.parquet:" in detail for _, detail in rejects)
    assert [i.split for i in read("parquet", root, out, split="test")] == ["test"]


def test_parquet_reads_paths_and_words(tmp_path, out):
    picture(tmp_path / "set" / "a.jpg", 1)
    file = shard(
        tmp_path / "set" / "faces.parquet", [{"file": "a.jpg", "mood": "grin", "AU12_r": 2.0}]
    )
    columns = {"path": "file", "label": "mood"}
    item = read("parquet", file, out, columns=columns, aliases={"grin": "happy"})[0]
    assert labels(item) == {"emotion": "happiness", "action_units": {12: 2.0}}
    assert (out / item.image).samefile(tmp_path / "set" / "a.jpg")
    with pytest.raises(FaceLLMError, match=r"faces.parquet:1: 'grin' is not an emotion"):
        read("parquet", file, out, columns=columns)
    with pytest.raises(FaceLLMError, match=r"faces.parquet lacks the columns image; it has file,"):
        read("parquet", file, out)
    file.write_bytes(b"PAR1 no")
    with pytest.raises(FaceLLMError, match=r"faces.parquet is no parquet file"):
        read("parquet", file, out)
    with pytest.raises(FaceLLMError, match=r"no parquet file in"):
        read("parquet", out, out)


def test_parquet_without_class_names_needs_aliases(tmp_path, out):
    file = shard(tmp_path / "set" / "faces.parquet", embedded_rows()[:2])
    with pytest.raises(FaceLLMError, match=r"faces.parquet:1: '1' is not an emotion"):
        read("parquet", file, out)
    items = read("parquet", file, out, aliases={0: "sad", 1: "happy"})
    assert [labels(i)["emotion"] for i in items] == ["happiness", "sadness"]


@pytest.mark.slow
def test_hub_streams_a_local_copy(tmp_path, out, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    root = tmp_path / "sets" / "faces"
    shard(root / "data" / "train-00000-of-00001.parquet", embedded_rows()[:3], NAMES)
    shard(root / "data" / "validation-00000-of-00001.parquet", embedded_rows()[:1], NAMES)
    options = {"path": tmp_path / "sets", "repo": "faces", "licence": "MIT"}
    source = load_source("hub")
    items = list(source(**options).items(out))
    said = Counter((i.split, labels(i).get("emotion")) for i in items)
    assert said == {
        ("train", "happiness"): 1, ("train", "sadness"): 1, ("train", None): 1,
        ("val", "happiness"): 1,
    }  # fmt: skip
    assert {(i.provenance.source, i.provenance.licence) for i in items} == {("faces", "MIT")}
    assert (out / items[0].image).read_bytes() == png(1)
    assert [i.split for i in source(**options, split="validation").items(out)] == ["val"]
    assert len(list(source(**options, limit=2).items(out))) == 2
    with pytest.raises(FaceLLMError, match=r"faces has no split 'test'; it has train, validation"):
        list(source(**options, split="test").items(out))
    with pytest.raises(FaceLLMError, match=r"faces lacks the columns mood; it has image, label"):
        list(source(**options, columns={"path": "image", "label": "mood"}).items(out))


@pytest.mark.slow
def test_hub_says_that_it_cannot_be_reached(tmp_path, out, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    source = load_source("hub")(path=tmp_path, repo="nobody/nothing")
    with pytest.raises(FaceLLMError, match=r"cannot read nobody/nothing from the hub .*put a copy"):
        list(source.items(out))


def test_emonet_face_takes_what_people_rated_highest(tmp_path, out):
    root = mini.emonet_face(tmp_path / "emonet")
    items = read("emonet_face", root, out)
    # a: mean anger (6 + 4) / 2 = 5 over contempt 2.5; b: a tie; c: nothing from 1 on
    assert [(i.faces[0].labels.emotion, i.faces[0].labels.expression) for i in items] == [
        ("anger", "anger"), (None, "elation and pride"), (None, None),
    ]  # fmt: skip
    assert all(i.faces[0].labels.authentic is False for i in items)
    higher = read("emonet_face", root, out, min_rating=5.5)
    assert higher[0].faces[0].labels.expression is None
    binary = read("emonet_face", root, out, part="binary")
    assert [(Path(i.image).name, i.faces[0].labels.expression) for i in binary] == [
        ("00000.jpg", "fear"), ("00001.png", None),  # one of two is no majority
    ]  # fmt: skip
    assert len(CATEGORIES) == len(set(CATEGORIES)) == 40


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("X|Contempt': 2", "X|Boredom': 2", r"hq.csv:2: 'X\|Boredom' is none of the forty"),
        ("Anger': 6", "Anger': 8", r"hq.csv:2: .*Anger is rated '8'; expected 0 to 7"),
        ("Anger': 6", "Anger': ", r"hq.csv:2: annotations is no dict"),
        ("human-2", "human-1", r"hq.csv:3: .*a.jpg.*human-1.* was given at hq.csv:2"),
        ("annotator", "rater", r"hq.csv:1: lacks the column annotator"),
    ],
)
def test_emonet_face_names_the_line_of_a_mistake(tmp_path, out, old, new, error):
    root = mini.emonet_face(tmp_path / "emonet")
    edit(root / "hq.csv", old, new)
    with pytest.raises(FaceLLMError, match=error):
        read("emonet_face", root, out)


def test_emonet_face_needs_its_files(tmp_path, out):
    root = mini.emonet_face(tmp_path / "emonet")
    (root / "images" / "a.jpg").unlink()
    assert [i.reason for i in read("emonet_face", root, out) if isinstance(i, Reject)] == [
        "missing_file"
    ]
    with pytest.raises(FaceLLMError, match=r"faces does not exist; expected the pictures"):
        read("emonet_face", root, out, images="faces")
    edit(root / "binary.csv", "human-3,False", "human-3,maybe")
    with pytest.raises(FaceLLMError, match=r"binary.csv:4: value is 'maybe'; expected one of True"):
        read("emonet_face", root, out, part="binary")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "emotions"),
    [
        ("fer2013_filtered", {}, 7),
        ("utkface_subset", {"columns": {"age": "age", "groups": ["gender"]}}, 0),
        ("lfw_emotion", {"columns": {"subject": "person"}}, 8),
    ],
)
def test_the_real_tables_are_read_whole(name, options, emotions, out, shared_folder):
    file = shared_folder / "data" / name / "labels.csv"
    if not file.is_file():
        pytest.skip(f"no {file}; set FACELLM_SHARED")
    items = read("csv", file, out, **options)
    lines = len(file.read_text().splitlines()) - 1
    assert [type(i) for i in items] == [Sample] * lines
    found = {i.faces[0].labels.emotion for i in items} - {None}
    assert len(found) == emotions


def test_the_real_clips_are_read_whole(out, shared_folder):
    folder = shared_folder / "data" / "videos"
    if not folder.is_dir():
        pytest.skip(f"no {folder}; set FACELLM_SHARED")
    items = read("clips", folder, out, label_column=None)
    assert len(items) == 4
    assert not [i for i in items if isinstance(i, Reject)]
