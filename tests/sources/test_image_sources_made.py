"""The sources that read or make our own kind of data: corpora, the rig, LFW; and label tables."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import miniatures_images as mini
import pytest
from miniatures_images import picture, write
from PIL import Image
from pydantic import ValidationError

from data_engine.rig.corpus import Job, render_corpus
from data_engine.sources import lfw_emotion
from data_engine.sources.base import hash_of, write_once
from data_engine.sources.corpus import Corpus
from data_engine.sources.fer2013 import Fer2013
from data_engine.sources.lfw_emotion import LfwEmotion
from data_engine.sources.rig import Rig
from data_engine.sources.table import csv_entries, text_entries
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, read_samples, write_samples
from facellm.faces.mediapipe import FoundFace


def sample(name: str, key: str) -> Sample:
    person = Provenance(source="made", licence="CC0", subject_id=f"made-{key}")
    return Sample(id=key, image=f"images/{name}", faces=[Face(box=(0, 0, 9, 9))], provenance=person)


def test_a_corpus_keeps_everything_but_the_paths(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "deep" / "new"
    new.mkdir(parents=True)
    samples = [sample("a.png", "a"), sample("b.png", "b")]
    picture(old / "images" / "a.png")
    write_samples(old / "samples.jsonl", samples)
    kept, lost = Corpus(path=old).items(new)
    assert isinstance(kept, Sample) and kept.image == "../../old/images/a.png"
    assert kept.model_copy(update={"image": samples[0].image}) == samples[0]
    assert isinstance(lost, Reject) and lost.reason == "missing_file"
    assert "samples.jsonl:2" in lost.detail
    write_samples(old / "samples.jsonl", [samples[0], samples[0]])
    with pytest.raises(FaceLLMError, match=r"samples.jsonl:2: 'a' was given at samples.jsonl:1"):
        list(Corpus(path=old).items(new))
    write(old / "samples.jsonl", '{"id": ')
    with pytest.raises(FaceLLMError, match=r"samples.jsonl:1 is not a sample"):
        list(Corpus(path=old).items(new))
    with pytest.raises(FaceLLMError, match=r"no samples.jsonl in"):
        list(Corpus(path=new).items(new))


def test_a_corpus_is_read_without_some_of_its_labels(tmp_path: Path) -> None:
    labels = FaceLabels(emotion="anger", gaze=(0.1, 0.2), weak=frozenset({"gaze"}))
    made = sample("a.png", "a")
    made = made.model_copy(update={"faces": [made.faces[0].model_copy(update={"labels": labels})]})
    picture(tmp_path / "images" / "a.png")
    write_samples(tmp_path / "samples.jsonl", [made])
    (item,) = Corpus(path=tmp_path, without=frozenset({"gaze"})).items(tmp_path)
    assert isinstance(item, Sample)
    assert item.faces[0].labels == FaceLabels(emotion="anger")
    assert item.faces[0].box == made.faces[0].box
    with pytest.raises(ValidationError, match=r"without names 'gase', which is no label; expected"):
        Corpus(path=tmp_path, without=frozenset({"gase"}))


def test_paths_are_right_where_the_corpus_folder_is_a_link(tmp_path: Path) -> None:
    old = tmp_path / "old"
    picture(old / "images" / "a.png")
    write_samples(old / "samples.jsonl", [sample("a.png", "a")])
    (tmp_path / "far" / "real").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "far" / "real")
    (item,) = Corpus(path=old).items(link)
    assert isinstance(item, Sample) and (link / item.image).is_file()


def test_the_csv_itself_may_be_the_path(tmp_path: Path) -> None:
    mini.fer2013(tmp_path / "set")
    source = Fer2013(path=tmp_path / "set" / "fer2013.csv", split="PublicTest")
    (item,) = source.items(tmp_path)
    assert isinstance(item, Sample) and item.image == "fer2013/00002.png"


@pytest.mark.slow
def test_the_rig_gives_what_its_command_gives(tmp_path: Path) -> None:
    job = Job("procedural", tmp_path / "a", count=3, seed=4, identities=2, size=48)
    list(render_corpus(job))
    made = list(Rig(count=3, seed=4, identities=2, size=48).items(tmp_path / "b"))
    assert [s.id for s in made] == [s.id for s in read_samples(tmp_path / "a")]
    first = made[0]
    assert isinstance(first, Sample) and first.provenance.source == "procedural rig"
    assert Image.open(tmp_path / "b" / first.image).size == (48, 48)


@pytest.mark.slow
def test_interventions_are_pairs_that_differ_in_one_unit(tmp_path: Path) -> None:
    items = list(Rig(count=4, seed=1, identities=4, size=48, interventions=True).items(tmp_path))
    assert len(items) == 8 and len({item.pair for item in items}) == 4
    for before, after in zip(items[::2], items[1::2], strict=True):
        assert isinstance(before, Sample) and isinstance(after, Sample)
        one, other = before.faces[0].labels, after.faces[0].labels
        assert one.action_units is not None and other.action_units is not None
        changed = {n for n, x in one.action_units.items() if other.action_units[n] != x}
        assert len(changed) == 1 and after.image.endswith(f"_AU{changed.pop()}.jpg")
        assert before.provenance == after.provenance and before.split == after.split
        assert before.pair == after.pair and before.pair
        assert (one.pose, one.gaze) == (other.pose, other.gaze) and before.id != after.id


@pytest.mark.slow
def test_the_rig_renders_only_the_split_asked_for(tmp_path: Path) -> None:
    items = list(Rig(count=10, identities=10, size=32, split="test", limit=1).items(tmp_path))
    assert [s.split for s in items if isinstance(s, Sample)] == ["test"]
    assert [p.name for p in (tmp_path / "rig").rglob("*.jpg")] == ["000009.jpg"]
    with pytest.raises(FaceLLMError, match="nowhere does not exist"):
        list(Rig(path=tmp_path / "nowhere").items(tmp_path))


@pytest.mark.slow
def test_two_rigs_fit_into_one_corpus(tmp_path: Path) -> None:
    rigs = [Rig(count=1, seed=seed, size=32) for seed in (0, 1)]
    items = [item for rig in rigs for item in rig.items(tmp_path)]
    for item in items:
        assert isinstance(item, Sample) and hash_of((tmp_path / item.image).read_bytes()) == item.id
    assert len({item.id for item in items if isinstance(item, Sample)}) == 2


def test_sources_do_not_overwrite_each_other(tmp_path: Path) -> None:
    write_once(tmp_path / "a" / "1.png", b"one")
    write_once(tmp_path / "a" / "1.png", b"one")
    with pytest.raises(FaceLLMError, match=r"1.png is there and holds another picture; read two"):
        write_once(tmp_path / "a" / "1.png", b"two")
    assert (tmp_path / "a" / "1.png").read_bytes() == b"one"


class SeesTheMiddle:
    """A finder that sees two faces, and none in pictures under 20 pixels."""

    def find_with_blendshapes(self, image: Image.Image) -> list[FoundFace]:
        if image.width < 20:
            return []
        return [
            FoundFace(Face(box=(0, 0, 6, 6)), {"jawOpen": 0.9}),
            FoundFace(Face(box=(8, 8, 16, 16)), {"mouthSmileLeft": 0.95}),
        ]


@pytest.fixture
def lfw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lfw"
    write(
        folder / "labels.csv",
        "path,label,person,annotator",
        "images/a.png,happy,Ann,1",
        "images/b.png,neutral,Ben,1",
    )
    picture(folder / "images" / "a.png", 1)
    picture(folder / "images" / "b.png", 2, (10, 10))
    monkeypatch.setattr(lfw_emotion.MediapipeFinder, "from_folder", lambda model: SeesTheMiddle())
    return folder


def test_lfw_takes_the_face_in_the_middle(lfw: Path, tmp_path: Path) -> None:
    found, lost = LfwEmotion(path=lfw, finder_model=tmp_path).items(tmp_path)
    assert isinstance(found, Sample) and found.faces[0].box == (8, 8, 16, 16)
    labels = found.faces[0].labels
    assert labels.emotion == "happiness" and labels.weak == {"action_units"}
    assert labels.action_units is not None and labels.action_units[12] == 5.0
    assert found.provenance.subject_id == "lfw-Ann"
    assert isinstance(lost, Reject) and lost.reason == "no_landmarks"


@pytest.mark.parametrize(
    "line, message",
    [
        ("images/c.png,hapy,Eve,1", "labels.csv:4: 'hapy' is not an emotion; expected one of"),
        ("images/a.png,happy,Ann,1", "labels.csv:4: 'images/a.png' was given at labels.csv:2"),
        ("images/c.png,happy", "labels.csv:4: 2 fields; expected 4: path, label, person"),
    ],
)
def test_lfw_names_the_line(lfw: Path, tmp_path: Path, line: str, message: str) -> None:
    mini.append(lfw / "labels.csv", line)
    with pytest.raises(FaceLLMError, match=message):
        list(LfwEmotion(path=lfw, finder_model=tmp_path).items(tmp_path))


@pytest.mark.slow
def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data_engine.sources.lfw_emotion", str(tmp_path / "none")]
    arguments = ["--finder-model", str(tmp_path), "--out", str(tmp_path / "out")]
    got = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert got.returncode == 2
    assert got.stderr.startswith("lfw_emotion: ") and "none does not exist" in got.stderr


@pytest.mark.slow
def test_real_photographs(tmp_path: Path, shared_folder: Path, finder_model: Path) -> None:
    folder = shared_folder / "data" / "lfw_emotion"
    if not (folder / "labels.csv").is_file():
        pytest.skip(f"no labels.csv in {folder}; set FACELLM_SHARED")
    items = list(LfwEmotion(path=folder, finder_model=finder_model, limit=5).items(tmp_path))
    assert sum(isinstance(item, Sample) for item in items) == 5
    assert all(len(i.faces[0].points or ()) == 68 for i in items if isinstance(i, Sample))


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,c\n1,2\n", "t.csv:1: lacks the column b; expected a, b"),
        ("", "t.csv:1: lacks the columns a, b"),
        ("a,b,a\n1,2,3\n", "t.csv:1: the column 'a' is there twice"),
        ("a,b\n1,2\n1,2,3\n", "t.csv:3: 3 fields; expected 2: a, b"),
        ('a,b\n"x\ny",2\n1\n', "t.csv:4: 1 fields"),
        (b"a,b\n1,2\n\xff,2\n", "t.csv:3: is no UTF-8 text"),
    ],
)
def test_tables_that_are_wrong(tmp_path: Path, text: Any, message: str) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FaceLLMError, match=message):
        list(csv_entries(file, ("a", "b")))


def test_tables_that_are_right(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("\ufeffa, b\r\n 1 ,2\r\n\r\n3,4\r\n", encoding="utf-8")
    assert [(e.line, dict(e.values)) for e in csv_entries(file, ("a",))] == [
        (2, {"a": "1", "b": "2"}), (4, {"a": "3", "b": "4"}),
    ]  # fmt: skip
    file.write_text("2\nnames\nx.jpg  1 \n\ny.jpg 2\n")
    assert [e.where for e in text_entries(file, ["n", "v"], skip=2)] == ["t.csv:3", "t.csv:5"]
    with pytest.raises(FaceLLMError, match=r"t.csv:3: 2 fields; expected 3"):
        list(text_entries(file, ["n", "v", "w"], skip=2))
