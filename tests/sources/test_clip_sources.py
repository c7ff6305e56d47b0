"""The video sets in their official layouts: what is read, and the mistakes people make."""

import json
from pathlib import Path

import miniatures_other as mini
import pytest
from miniatures_images import append, edit, write

from data_engine.row import Row
from data_engine.sources import load_source
from data_engine.sources.base import content_id
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip

DFEW_TRAIN = "EmoLabel_DataSplit/train(single-labeled)/set_1.csv"
MAFW_TRAIN = "Train & Test Set/single/no_caption/set_1/train.txt"


def read(name: str, root: Path, out: Path, **options: object) -> list:
    return list(load_source(name)(path=root, **options).items(out))


@pytest.fixture
def root(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The miniature of the set that the test names first."""
    name = request.node.name.removeprefix("test_").partition("__")[0].partition("[")[0]
    return getattr(mini, name)(tmp_path / name)


def test_faceforensics__keeps_pairs_together_and_says_how_a_face_was_faked(root, out):
    clips = read("faceforensics", root, out)
    assert [type(c) for c in clips] == [Clip] * 18
    assert {c.labels.manipulation for c in clips} == {None, "Deepfakes", "FaceSwap"}
    for clip in clips:
        stem = Path(clip.video).stem
        assert clip.labels.authentic is ("_" not in stem)
        assert clip.id == content_id(out / clip.video)
        pair = next(p for p in mini.FFPP_PAIRS.values() if stem[:3] in p)
        assert clip.provenance.subject_id == f"faceforensics-{'_'.join(sorted(pair))}"
        assert mini.FFPP_PAIRS[clip.split] == pair
    # train: 2 originals, 2 videos of each of 2 methods
    assert len(read("faceforensics", root, out, split="train")) == 6
    only = read("faceforensics", root, out, methods=["FaceSwap"], originals=False)
    assert {c.labels.manipulation for c in only} == {"FaceSwap"}
    assert len(only) == 6


def test_faceforensics__names_what_is_missing_or_does_not_belong(root, out):
    videos = root / "original_sequences/youtube/c23/videos"
    (videos / "003.mp4").unlink()
    rejects = [i for i in read("faceforensics", root, out) if isinstance(i, Reject)]
    assert [(r.reason, "003.mp4" in r.detail) for r in rejects] == [("missing_file", True)]
    with pytest.raises(FaceLLMError, match=r"NeuralTextures.* does not exist; expected the c23"):
        read("faceforensics", root, out, methods=["NeuralTextures"])
    with pytest.raises(FaceLLMError, match=r"c40.* does not exist"):
        read("faceforensics", root, out, compression="c40")
    mini.video(videos / "777.mp4")
    with pytest.raises(FaceLLMError, match=r"777.mp4 is in none of splits"):
        read("faceforensics", root, out)


@pytest.mark.parametrize(
    ("pairs", "error"),
    [
        ([["100", "101"], ["000", "200"]], r"'000' was given at train.json:entry 1"),
        ([["100", "101"], ["7"]], r"val.json:entry 2: .* no pair of ids"),
        ({"a": 1}, r"val.json:entry 1: .* no pair of ids"),
    ],
)
def test_faceforensics__refuses_wrong_split_files(root, out, pairs, error):
    (root / "splits" / "val.json").write_text(json.dumps(pairs))
    with pytest.raises(FaceLLMError, match=error):
        read("faceforensics", root, out)


def test_faceforensics__needs_its_split_files_as_json(root, out):
    (root / "splits" / "val.json").write_text('[["100",')
    with pytest.raises(FaceLLMError, match=r"val.json: no json"):
        read("faceforensics", root, out)
    (root / "splits" / "test.json").unlink()
    (root / "splits" / "val.json").unlink()
    with pytest.raises(FaceLLMError, match=r"val.json does not exist; expected a list of pairs"):
        read("faceforensics", root, out)


def test_dfew__reads_labels_in_its_own_order(root, out):
    clips = read("dfew", root, out)
    assert [(Path(c.video).name, c.labels.emotion, c.split) for c in clips] == [
        ("00001.mp4", "happiness", "train"), ("00002.avi", "anger", "train"),
        ("00004.mp4", "fear", "train"), ("00003.mp4", "neutral", "test"),
    ]  # fmt: skip
    assert clips[0].provenance.subject_id == f"dfew-{clips[0].id}"
    assert len(read("dfew", root, out, limit=2)) == 2
    assert [c.split for c in read("dfew", root, out, split="test")] == ["test"]


def test_dfew__names_the_line_of_a_mistake(root, out):
    with pytest.raises(FaceLLMError, match=r"set_2.csv does not exist"):
        read("dfew", root, out, fold=2)
    with pytest.raises(FaceLLMError, match=r"'val' is not a split of dfew; expected one of train,"):
        read("dfew", root, out, split="val")
    with pytest.raises(FaceLLMError, match=r"Clip/16f does not exist; expected the clips"):
        read("dfew", root, out, clips="Clip/16f")
    append(root / DFEW_TRAIN, "00001,2")  # the same clip, written otherwise
    with pytest.raises(FaceLLMError, match=r"set_1.csv:5: '1' was given at set_1.csv:2"):
        read("dfew", root, out)
    edit(root / DFEW_TRAIN, "2,4", "2,8")
    with pytest.raises(FaceLLMError, match=r"set_1.csv:3: label is '8'; expected one of 1, 2"):
        read("dfew", root, out)


def test_dfew__rejects_a_clip_that_is_no_video(root, out):
    (root / "Clip/original/00001.mp4").write_bytes(b"not a video at all")
    (root / "Clip/original/00004.mp4").unlink()
    items = read("dfew", root, out)
    rejects = [(i.reason, i.detail) for i in items if isinstance(i, Reject)]
    assert [reason for reason, _ in rejects] == ["unreadable_file", "missing_file"]
    assert all(f"set_1.csv:{line}" in text for line, (_, text) in zip((2, 4), rejects, strict=True))
    assert sum(isinstance(i, Clip) for i in items) == 2


def test_mafw__keeps_what_is_no_basic_emotion_as_an_expression(root, out):
    clips = read("mafw", root, out)
    said = [(c.labels.emotion, c.labels.expression, c.split) for c in clips]
    assert said == [("anger", None, "train"), (None, "anxiety", "train"), ("neutral", None, "test")]
    mixed = read("mafw", root, out, labels="compound")
    assert mixed[0].labels.expression == "anger and disgust"
    assert mixed[0].labels.emotion is None


def test_mafw__captions_become_rows(root, out):
    rows = read("mafw", root, out, captions=True)
    assert [type(r) for r in rows] == [Row, Row]
    row = rows[0]
    assert [p.type for p in row.messages[0].content] == ["video", "text"]
    assert row.messages[1].content[0].text == "A man frowns at his friend."
    assert (out / row.videos[0]).is_file()
    assert row.sample_ids == [content_id(out / row.videos[0])]
    assert (row.making.writer, row.facts[0].emotion, row.split) == ("imported", "anger", "train")
    assert rows[1].split == "test"


def test_mafw__names_the_line_of_a_mistake(root, out):
    captioned = root / "Train & Test Set/single/with_caption/set_1/train.txt"
    captioned.write_text("00001.mp4\tanger\tno English\n")
    with pytest.raises(FaceLLMError, match=r"train.txt:1: 3 fields; expected clip <tab> label"):
        read("mafw", root, out, captions=True)
    with pytest.raises(FaceLLMError, match=r"set_3/train.txt does not exist"):
        read("mafw", root, out, fold=3)
    append(root / MAFW_TRAIN, "00001.mp4 anger")
    with pytest.raises(FaceLLMError, match=r"train.txt:3: '00001.mp4' was given at train.txt:1"):
        read("mafw", root, out)
    edit(root / MAFW_TRAIN, "anxiety", "boredom")
    with pytest.raises(FaceLLMError, match=r"train.txt:2: 'boredom' is no label; expected one or"):
        read("mafw", root, out)


def test_crema_d__reads_names_and_actors(root, out):
    clips = read("crema_d", root, out)
    assert [(c.labels.emotion, c.labels.expression) for c in clips] == [
        ("anger", None), ("happiness", "happiness, high intensity"), ("sadness", None),
    ]  # fmt: skip
    assert clips[0].provenance.subject_id == clips[1].provenance.subject_id == "crema_d-1001"
    assert clips[0].split == clips[1].split
    assert clips[0].labels.age == 51
    assert clips[2].labels.groups == {
        "sex": "Female", "race": "African American", "ethnicity": "Not Hispanic",
    }  # fmt: skip


def test_crema_d__refuses_unknown_names_and_actors(root, out):
    mini.video(root / "VideoFlash" / "1001_DFA_BOR_XX.flv")
    with pytest.raises(FaceLLMError, match=r"'1001_DFA_BOR_XX.flv' is no name of CREMA-D"):
        read("crema_d", root, out)
    (root / "VideoFlash" / "1001_DFA_BOR_XX.flv").unlink()
    edit(root / "VideoDemographics.csv", "1002,21", "1009,21")
    with pytest.raises(FaceLLMError, match=r"lacks the actor 1002 of 1002_ITH_SAD_X.flv"):
        read("crema_d", root, out)
    edit(root / "VideoDemographics.csv", "1009,21", "1001,21")
    with pytest.raises(FaceLLMError, match=r":3: '1001' was given at VideoDemographics.csv:2"):
        read("crema_d", root, out)
    (root / "VideoDemographics.csv").unlink()
    with pytest.raises(FaceLLMError, match=r"VideoDemographics.csv does not exist"):
        read("crema_d", root, out)


def test_clips__takes_labels_from_folders(root, out):
    items = read("clips", root, out, dataset="mine", licence="CC0")
    labelled = {Path(c.video).name: c.labels.emotion for c in items}
    assert labelled == {
        "a.mp4": "happiness", "b.mkv": "happiness", "c.mp4": "sadness", "d.mp4": None,
    }  # fmt: skip
    assert {(c.provenance.source, c.provenance.licence) for c in items} == {("mine", "CC0")}
    assert all(c.provenance.subject_id == f"mine-{c.id}" for c in items)


def test_clips__takes_labels_from_a_table(root, out):
    table = write(
        root / "labels.csv", "path,label,split,subject", "happy/a.mp4,grinning,test,p1",
        "happy/take2/b.mkv,,validation,p1", "sad/c.mp4,sad,,p2", "d.mp4,calm,train,p3",
    )  # fmt: skip
    options = {"dataset": "mine", "aliases": {"grinning": "happy"}}
    items = read("clips", root, out, **options)
    assert [c.labels.emotion for c in items] == ["happiness", None, "sadness", "neutral"]
    assert [c.split for c in items][:2] == ["test", "val"]
    assert items[0].provenance.subject_id == items[1].provenance.subject_id == "mine-p1"
    with pytest.raises(FaceLLMError, match=r"labels.csv:2: 'grinning' is not an emotion.*aliases"):
        read("clips", root, out)
    kept = read("clips", root, out, label_as="expression")
    assert kept[0].labels.expression == "grinning"
    mini.video(root / "extra.mp4")
    with pytest.raises(FaceLLMError, match=r"labels.csv does not list extra.mp4"):
        read("clips", root, out, **options)
    edit(table, "d.mp4,calm,train", "d.mp4,calm,holdout")
    append(table, "extra.mp4,sad,,")
    with pytest.raises(FaceLLMError, match=r"labels.csv:5: 'holdout' is no split"):
        read("clips", root, out, **options)


def test_clips__says_what_is_wrong_with_the_folder(root, out, tmp_path):
    with pytest.raises(FaceLLMError, match="does not exist; expected the data set clips"):
        read("clips", tmp_path / "nowhere", out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FaceLLMError, match=r"nothing in .*empty"):
        read("clips", tmp_path / "empty", out)
    mini.video(root / "grinning" / "e.mp4")
    with pytest.raises(FaceLLMError, match=r"grinning: 'grinning' is not an emotion"):
        read("clips", root, out)
