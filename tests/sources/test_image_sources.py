"""Each picture set in its official layout: what is read, and the four mistakes people make."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import miniatures_images as mini
import numpy as np
import pytest
from miniatures_images import append, edit

from data_engine.sources import SOURCES, load_source
from data_engine.sources.base import hash_of
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError
from facellm.core.facs import ACTION_UNITS
from facellm.core.sample import Face, Sample

Change = Callable[[Path], object]


class Case(NamedTuple):
    """A set, how to spoil it, and what the error then says."""

    count: int
    rejects: int
    part: str
    """A split of the set's own that is not empty."""
    unknown: Change
    unknown_error: str
    twice: Change
    twice_error: str
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    labels: str = ""
    """A file of labels whose absence must be named; empty where there is none."""


def copy(source: str, target: str) -> Change:
    return lambda root: shutil.copy(root / source, root / target)


def rename(source: str, target: str) -> Change:
    return lambda root: (root / source).rename(root / target)


RAF = "basic/EmoLabel/list_patition_label.txt"
COMPOUND = "compound/EmoLabel/list_patition_label.txt"
AFFECT = "Manually_Annotated_file_lists/training.csv"
DISFA = "ActionUnit_Labels/SN001/SN001_au12.txt"
OCC = "AUCoding/AU_OCC/F001_T1.csv"
EMOTIO = "EmotioNet_FACS_aws_2020_24600.csv"
CELEBA = "Anno/list_attr_celeba.txt"
MORPH = "MORPH_Album2_comp.csv"
FACES = "fairface_label_train.csv"

CASES = {
    "raf_db": Case(
        3, 0, "test", lambda r: edit(r / RAF, "00002.jpg 4", "00002.jpg 8"),
        r"list_patition_label.txt:2: label is '8'; expected one of 1, 2, .*7",
        lambda r: append(r / RAF, "train_00001.jpg 1"),
        r"list_patition_label.txt:4: 'train_00001.jpg' was given at list_patition_label.txt:1",
        labels=RAF,
    ),
    "raf_db_compound": Case(
        2, 0, "train", lambda r: edit(r / COMPOUND, "jpg 11", "jpg 12"),
        r"list_patition_label.txt:2: label is '12'; expected one of 1, 2, .*11",
        lambda r: append(r / COMPOUND, "test_0001.jpg 11"), r":3: .* given at .*:2",
        labels=COMPOUND,
    ),
    "affectnet": Case(
        4, 0, "validation", lambda r: edit(r / AFFECT, ",9,-2,-2", ",11,-2,-2"),
        r"training.csv:3: expression is '11'; expected one of 0, 1, 2",
        lambda r: append(r / AFFECT, f"1/a.jpg,2,3,10,12,{mini.POINTS},1,0,0"),
        r"training.csv:5: '1/a.jpg' was given at training.csv:2",
        labels=AFFECT,
    ),
    "affectnet8": Case(
        3, 0, "val_set",
        lambda r: np.save(r / "train_set/annotations/1_exp.npy", np.array("8")),
        r"1_exp.npy:1: exp is '8'; expected one of 0, 1",
        copy("train_set/images/1.jpg", "train_set/images/1.png"),
        r"train_set/images/1.png: '1' was given at train_set/images/1.jpg",
        labels="train_set/annotations/0_exp.npy",
    ),
    "fer2013": Case(
        3, 0, "PrivateTest", lambda r: edit(r / "fer2013.csv", "\n3,", "\n7,"),
        r"fer2013.csv:3: emotion is '7'; expected one of 0, 1", lambda r: None, "",
        labels="fer2013.csv",
    ),
    "fer2013_folders": Case(
        3, 0, "test", rename("train/happy", "train/hapy"),
        r"train/hapy: 'hapy' is not an emotion; expected one of anger",
        copy("train/angry/im0.png", "train/angry/im0.jpg"),
        r"train/angry/im0.png: 'im0' was given at train/angry/im0.jpg",
    ),
    "ferplus": Case(
        3, 0, "PrivateTest", lambda r: edit(r / "fer2013new.csv", ",4,0,0,0,6,", ",4,0,0,0,x,"),
        r"fer2013new.csv:2: anger is 'x'; expected a whole number of at least 0",
        lambda r: edit(r / "fer2013new.csv", "fer0000001", "fer0000000"),
        r"fer2013new.csv:3: 'fer0000000.png' was given at fer2013new.csv:2",
        labels="fer2013new.csv",
    ),
    "disfa": Case(
        6, 0, "train", lambda r: edit(r / DISFA, "2,3", "2,6"),
        r"SN001_au12.txt:2: intensity is '6'; expected a whole number from 0 to 5",
        lambda r: append(r / DISFA, "2,3"), r"SN001_au12.txt:4: '2' was given at SN001_au12.txt:2",
        {"frames": "frames"}, labels=DISFA,
    ),
    "bp4d": Case(
        3, 0, "train", lambda r: edit(r / OCC, "12,0,1,1", "12,0,2,1"),
        r"F001_T1.csv:3: 6 is '2'; expected one of 0, 1, 9",
        lambda r: append(r / OCC, "11,0,0,0,0,0"), r"T1.csv:4: '11' was given at F001_T1.csv:2",
        labels="AUCoding/AU_OCC",
    ),
    "raf_au": Case(
        3, 0, "train", lambda r: edit(r / "RAFAU_label.txt", "1+2", "1+smile"),
        r"RAFAU_label.txt:3: 'smile' is no unit; expected codes such as 4\+L12, or null",
        lambda r: append(r / "RAFAU_label.txt", "0001.jpg 1"), r"label.txt:4: .* given at .*:1",
        labels="RAFAU_label.txt",
    ),
    "emotionet": Case(
        1, 1, "train", lambda r: edit(r / EMOTIO, ",0,1,1", ",0,2,1"),
        r"24600.csv:2: AU12 is '2'; expected one of 0",
        lambda r: append(r / EMOTIO, "'http://host/N_01/N_01_0001.jpg','http://old/1',0,1,1"),
        r"24600.csv:4: 'http://host/N_01/N_01_0001.jpg' was given at .*:2",
        labels=EMOTIO,
    ),
    "celeba": Case(
        3, 0, "valid", lambda r: edit(r / CELEBA, "000002.jpg  1", "000002.jpg 0"),
        r"list_attr_celeba.txt:4: Attractive is '0'; expected one of -1, 1",
        lambda r: append(r / CELEBA, "000001.jpg 1 1 1 1 1"), r"celeba.txt:6: .* given at .*:3",
        labels=CELEBA,
    ),
    "utkface": Case(
        2, 1, "train",
        rename("UTKFace/26_1_2_20170104165501.jpg.chip.jpg", "UTKFace/26_7_2_2017.jpg"),
        r"26_7_2_2017.jpg:1: gender is '7'; expected one of 0, 1",
        lambda r: mini.picture(r / "part2/26_1_2_20170104165501.jpg.chip.jpg"),
        r"part2/26_1_2.*: '26_1_2_.*' was given at UTKFace/26_1_2",
    ),
    "fairface": Case(
        3, 0, "val", lambda r: edit(r / FACES, "more than 70", "70+"),
        r"fairface_label_train.csv:3: age is '70\+'; expected one of 0-2, 3-9",
        lambda r: append(r / FACES, "train/1.jpg,0-2,Male,Black,True"), r"csv:4: .* given at .*:2",
        labels=FACES,
    ),
    "morph2": Case(
        3, 0, "train", lambda r: edit(r / MORPH, "W,F,", "W,X,"),
        r"MORPH_Album2_comp.csv:4: gender is 'X'; expected one of M, F",
        lambda r: edit(r / MORPH, "009055_2M56.JPG", "009055_1M54.JPG"), r"csv:3: .* given at .*:2",
        labels=MORPH,
    ),
}  # fmt: skip
names = pytest.mark.parametrize("name", CASES)


def read(name: str, root: Path, out: Path, **options: Any) -> tuple[list[Sample], list[Reject]]:
    source = load_source(name)(path=root, **{**CASES[name].options, **options})
    items = list(source.items(out))
    samples = [item for item in items if isinstance(item, Sample)]
    rejects = [item for item in items if isinstance(item, Reject)]
    assert len(samples) + len(rejects) == len(items)
    return samples, rejects


@pytest.fixture
def root(name: str, tmp_path: Path) -> Path:
    return getattr(mini, name)(tmp_path / "set")


@names
def test_every_picture_becomes_a_sample_or_a_reject(name: str, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    out.mkdir()
    samples, rejects = read(name, root, out)
    assert (len(samples), len(rejects)) == (CASES[name].count, CASES[name].rejects)
    kind = load_source(name)
    for sample in samples:
        assert sample.id == hash_of((out / sample.image).read_bytes())
        assert sample.provenance.source == kind.name == name
        assert sample.provenance.licence and sample.provenance.subject_id.startswith(f"{name}-")
        assert len(sample.faces) <= 1
        for face in sample.faces:
            assert isinstance(face, Face) and set(face.labels.action_units or {}) <= set(
                ACTION_UNITS
            )
    assert all(r.step == f"source:{name}" and r.detail for r in rejects)
    assert read(name, root, out)[0] == samples, "reading twice gives the same"


@names
def test_a_wrong_path_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        FaceLLMError, match=rf"nowhere does not exist; expected the data set {name}"
    ):
        read(name, tmp_path / "nowhere", tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FaceLLMError, match="expected") as caught:
        read(name, empty, tmp_path)
    assert "empty" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.labels])
def test_missing_labels_are_named(name: str, root: Path, tmp_path: Path) -> None:
    place = root / CASES[name].labels
    place.rename(tmp_path / "elsewhere")
    with pytest.raises(FaceLLMError, match="expected"):
        read(name, root, tmp_path / "corpus")


@names
def test_splits_are_the_sets_own(name: str, root: Path, tmp_path: Path) -> None:
    everything, _ = read(name, root, tmp_path)
    part = CASES[name].part
    canonical = load_source(name).splits[part]
    expected = [sample for sample in everything if sample.split == canonical]
    if expected:
        assert read(name, root, tmp_path, split=part)[0] == expected
    with pytest.raises(
        FaceLLMError, match=rf"'dev' is not a split of {name}; expected one of .*{part}"
    ):
        read(name, root, tmp_path, split="dev")


def test_a_split_without_pictures_is_named(tmp_path: Path) -> None:
    edit(mini.raf_db(tmp_path) / RAF, "test_0001.jpg 7\n", "")
    with pytest.raises(
        FaceLLMError, match=r"nothing of split 'test' in .*expected the data set raf"
    ):
        read("raf_db", tmp_path, tmp_path, split="test")
    assert len(read("raf_db", tmp_path, tmp_path)[0]) == 2


@names
def test_an_unknown_label_is_named_with_its_line(name: str, root: Path, tmp_path: Path) -> None:
    CASES[name].unknown(root)
    with pytest.raises(FaceLLMError, match=CASES[name].unknown_error) as caught:
        read(name, root, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.twice_error])
def test_a_picture_given_twice_is_named_with_both_lines(
    name: str, root: Path, tmp_path: Path
) -> None:
    CASES[name].twice(root)
    with pytest.raises(FaceLLMError, match=CASES[name].twice_error):
        read(name, root, tmp_path)


@names
def test_the_limit_counts_items(name: str, root: Path, tmp_path: Path) -> None:
    samples, _ = read(name, root, tmp_path)
    assert read(name, root, tmp_path, limit=1)[0] == samples[:1]


@pytest.mark.parametrize("name", SOURCES)
def test_every_listed_source_loads_under_its_name(name: str) -> None:
    kind = load_source(name)
    assert kind.name == name and kind.splits and kind.__doc__


@pytest.mark.parametrize("name", [*CASES, "corpus", "rig", "lfw_emotion"])
def test_the_options_in_a_recipe_explain_themselves(name: str) -> None:
    fields = load_source(name).model_fields
    assert [option for option, field in fields.items() if not field.description] == []


@pytest.mark.parametrize("name", ["nothing", "json:loads", "data_engine.row:Row", "os:nothing"])
def test_what_is_no_source(name: str) -> None:
    with pytest.raises(FaceLLMError, match="source"):
        load_source(name)
