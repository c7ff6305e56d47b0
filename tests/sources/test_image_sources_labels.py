"""What exactly is read from each set: labels, groups, boxes, splits, subjects, rejects."""

from pathlib import Path
from typing import Any

import miniatures_images as mini
import numpy as np
import pytest
from miniatures_images import append, edit, picture, write
from PIL import Image

from data_engine.sources import load_source
from data_engine.sources.coded import OCCURS
from data_engine.sources.raf_au import CODED
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels, Sample


def read(name: str, root: Path, **options: Any) -> list[Any]:
    return list(load_source(name)(path=root, **options).items(root))


def labels(item: Sample) -> FaceLabels:
    return item.faces[0].labels


def test_raf_db(tmp_path: Path) -> None:
    first, second, third = read("raf_db", mini.raf_db(tmp_path))
    assert [labels(s).emotion for s in (first, second, third)] == [
        "surprise", "happiness", "neutral",
    ]  # fmt: skip
    assert [s.split for s in (first, second, third)] == ["train", "train", "test"]
    assert labels(first).groups == {"gender": "female", "race": "Asian", "age": "40-69"}
    assert labels(second).groups is None
    assert first.faces[0].box == (0, 0, mini.SIDE, mini.SIDE) and first.faces[0].points is None
    assert first.provenance.subject_id == f"raf_db-{first.id}"
    assert read("raf_db", tmp_path / "basic")[1].id == second.id, "the path may be the part"


def test_raf_db_compound_is_an_expression(tmp_path: Path) -> None:
    first, last = read("raf_db_compound", mini.raf_db_compound(tmp_path))
    assert labels(first).expression == "happily surprised"
    assert labels(last).expression == "disgustedly surprised"
    assert labels(first).emotion is None


def test_a_wrong_attribute_code_is_named(tmp_path: Path) -> None:
    mini.raf_db(tmp_path)
    file = tmp_path / "basic/Annotation/manual/train_00001_manu_attri.txt"
    edit(file, "\n2\n3", "\n9\n3")
    with pytest.raises(FaceLLMError, match=r"train_00001_manu_attri.txt:7: race is '9'"):
        read("raf_db", tmp_path)


def test_affectnet(tmp_path: Path) -> None:
    happy, unsure, nobody, surprised = read("affectnet", mini.affectnet(tmp_path))
    known = labels(happy)
    assert (known.emotion, known.valence, known.arousal) == ("happiness", 0.75, -0.25)
    assert happy.faces[0].box == (2, 3, 12, 15) and not known.weak
    assert happy.faces[0].points is not None
    assert happy.faces[0].points[:2] == [(0.5, 0.0), (1.5, 0.0)]
    assert labels(unsure) == FaceLabels(expression="uncertain")
    assert nobody.faces == [], "code 10 says that there is no face"
    assert (labels(surprised).emotion, surprised.split) == ("surprise", "val")


def test_affectnets_machine_labels_are_weak(tmp_path: Path) -> None:
    picture(tmp_path / "Automatically_Annotated_Images/1/a.jpg")
    line = f"1/a.jpg,2,3,10,12,{mini.POINTS},6,-0.5,-2"
    write(tmp_path / "automatically_annotated.csv", mini.AFFECTNET_HEADER, line)
    (item,) = read("affectnet", tmp_path, automatic=True)
    assert labels(item).emotion == "anger" and labels(item).weak == {"emotion", "valence"}


@pytest.mark.parametrize(
    "old, new, message",
    [
        (",1,0.75,", ",1,1.75,", "valence is '1.75'; expected a number from"),
        (",1,0.75,", ",1,-1.5,", "valence is '-1.5'; expected a number from -1 to 1"),
        (",1,0.75,", ",1,nan,", "valence is 'nan'"),
        (mini.POINTS, "1;2;3", "facial_landmarks has 3 numbers"),
        (",2,3,10,", ",2,x,10,", "face_y is 'x'; expected a number"),
    ],
)
def test_wrong_numbers_in_affectnet(tmp_path: Path, old: str, new: str, message: str) -> None:
    mini.affectnet(tmp_path)
    edit(tmp_path / "Manually_Annotated_file_lists/training.csv", old, new)
    with pytest.raises(FaceLLMError, match=f"training.csv:2: {message}"):
        read("affectnet", tmp_path)


def test_affectnet8(tmp_path: Path) -> None:
    items = read("affectnet8", mini.affectnet8(tmp_path))
    assert [i.split for i in items] == ["train", "train", "val"]
    known = labels(items[0])
    assert (known.emotion, known.valence, known.arousal) == ("anger", -0.5, 0.25)
    assert items[0].faces[0].points[1] == (2.0, 3.0)
    flat = read("affectnet8", tmp_path / "train_set")
    assert [i.id for i in flat] == [i.id for i in items[:2]]
    (tmp_path / "train_set/annotations/0_val.npy").write_bytes(b"no npy")
    with pytest.raises(FaceLLMError, match=r"0_val.npy is no npy file"):
        read("affectnet8", tmp_path)


def test_fer2013_writes_its_pictures(tmp_path: Path) -> None:
    items = read("fer2013", mini.fer2013(tmp_path))
    assert [(labels(i).emotion, i.split) for i in items] == [
        ("anger", "train"), ("happiness", "val"), ("neutral", "test"),
    ]  # fmt: skip
    assert [i.image for i in items] == [f"fer2013/0000{n}.png" for n in (1, 2, 3)]
    stored = np.asarray(Image.open(tmp_path / items[1].image))
    assert " ".join(map(str, stored.ravel())) == mini.pixels(1) and stored.shape == (48, 48)
    assert not list(tmp_path.rglob("*.part"))


def test_fer2013_accepts_kaggles_other_header_and_refuses_short_rows(tmp_path: Path) -> None:
    mini.fer2013(tmp_path)
    edit(tmp_path / "fer2013.csv", "emotion,pixels,Usage", "emotion, pixels, Usage")
    assert len(read("fer2013", tmp_path)) == 3
    text = (tmp_path / "fer2013.csv").read_text()
    for wrong in ("12 13 14", "", mini.pixels(0) + "x", mini.pixels(0).replace(" ", " 1", 3000)):
        (tmp_path / "fer2013.csv").write_text(f"{text}0,{wrong},Training\n")
        with pytest.raises(FaceLLMError, match=r"fer2013.csv:5: pixels holds \d+ values; expected"):
            read("fer2013", tmp_path)


def test_fer2013_folders(tmp_path: Path) -> None:
    items = read("fer2013_folders", mini.fer2013_folders(tmp_path))
    assert [(labels(i).emotion, i.split) for i in items] == [
        ("anger", "train"), ("happiness", "train"), ("surprise", "test"),
    ]  # fmt: skip


def test_ferplus_votes(tmp_path: Path) -> None:
    clear, torn, nobody = read("ferplus", mini.ferplus(tmp_path))
    assert labels(clear).emotion == "anger", "six of ten; FER2013 itself said anger too"
    assert labels(torn) == FaceLabels(), "five of ten is no majority"
    assert nobody.faces == []


def test_ferplus_rows_must_match(tmp_path: Path) -> None:
    mini.ferplus(tmp_path)
    edit(tmp_path / "fer2013.csv", "PublicTest", "PrivateTest")
    with pytest.raises(FaceLLMError, match=r"fer2013new.csv:3: Usage is .*fer2013.csv:3"):
        read("ferplus", tmp_path)
    mini.ferplus(tmp_path)
    append(tmp_path / "fer2013.csv", f"0,{mini.pixels(5)},Training")
    with pytest.raises(FaceLLMError, match=r"fer2013.csv:5: the other file ends before"):
        read("ferplus", tmp_path)


def test_disfa_frames(tmp_path: Path) -> None:
    items = read("disfa", mini.disfa(tmp_path), frames="frames")
    units = labels(items[1]).action_units
    assert units is not None and set(units) == set(mini.DISFA_UNITS)
    assert units[12] == 3.0 and units[1] == 0.0
    assert {i.provenance.subject_id for i in items} == {"disfa-SN001", "disfa-SN002"}
    assert len({i.split for i in items[:3]}) == 1, "a person stays together"
    thin = read("disfa", tmp_path, frames="frames", every=2)
    assert [i.id for i in thin] == [items[n].id for n in (0, 2, 3, 5)]
    lost = tmp_path / "frames/LeftVideoSN001_comp/LeftVideoSN001_comp_00002.png"
    lost.unlink()
    assert [
        i.reason for i in read("disfa", tmp_path, frames="frames") if isinstance(i, Reject)
    ] == ["missing_file"]
    (tmp_path / "ActionUnit_Labels/SN002/SN002_au26.txt").unlink()
    with pytest.raises(FaceLLMError, match=r"SN002_au26.txt does not exist; expected one file"):
        read("disfa", tmp_path, frames="frames")


def test_disfa_videos(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    mini.disfa(tmp_path)
    folder = tmp_path / "Videos_LeftCamera"
    folder.mkdir()
    with av.open(str(folder / "LeftVideoSN001_comp.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    clip, reject = read("disfa", tmp_path)
    assert [f.time for f in clip.frames] == [0.0, 0.05, 0.1]
    assert clip.frames[2].faces[0].labels.action_units[12] == 4.0
    assert clip.frames[0].faces[0].box == (0, 0, 64, 48)
    assert clip.provenance.subject_id == "disfa-SN001"
    assert isinstance(reject, Reject) and "SN002" in reject.detail


def test_bp4d(tmp_path: Path) -> None:
    first, second, third = read("bp4d", mini.bp4d(tmp_path))
    assert labels(first).action_units == {1: 0.0, 6: 4.0, 17: 2.0}, "12 is unknown, 33 not ours"
    assert labels(first).presence_only == {1, 17}, "6 has a coded intensity"
    assert labels(second).action_units == {1: 0.0, 6: OCCURS, 12: OCCURS, 17: 0.0}
    assert labels(second).presence_only == {1, 6, 12, 17}
    assert third.provenance.subject_id == "bp4d-M002"
    edit(tmp_path / "AUCoding/AU_INT/AU06/F001_T1_AU06.csv", "11,4", "11,7")
    with pytest.raises(FaceLLMError, match=r"F001_T1_AU06.csv:1: intensity is 7; expected 0 to 5"):
        read("bp4d", tmp_path)


def test_raf_au(tmp_path: Path) -> None:
    first, second, _ = read("raf_au", mini.raf_au(tmp_path))
    units = labels(first).action_units
    assert units is not None and set(units) == set(CODED)
    assert {n for n, value in units.items() if value} == {4, 12}, "L12 is 12; 32 has no words here"
    assert units[4] == OCCURS and labels(first).presence_only == set(CODED)
    assert labels(second).action_units is None, "null is unlabelled, not neutral"


def test_emotionet(tmp_path: Path) -> None:
    item, reject = read("emotionet", mini.emotionet(tmp_path))
    assert labels(item).action_units == {1: 0.0, 12: OCCURS} and not labels(item).weak
    assert labels(item).presence_only == {1, 12}
    assert (reject.reason, reject.step) == ("missing_file", "source:emotionet")
    assert "24600.csv:3" in reject.detail
    (machine,) = read("emotionet", tmp_path, labels="dataFile_*.txt")
    assert labels(machine).weak == {"action_units"}
    assert labels(machine).action_units is not None
    assert labels(machine).action_units[25] == OCCURS


def test_celeba(tmp_path: Path) -> None:
    first, second, third = read("celeba", mini.celeba(tmp_path))
    assert labels(first).attributes == {"eyeglasses": True, "mouth slightly open": False}
    assert labels(first).groups == {"gender": "male", "age": "young"}
    assert labels(second).groups == {"gender": "female", "age": "not young"}
    assert [i.split for i in (first, second, third)] == ["train", "val", "test"]
    assert first.provenance.subject_id == "celeba-280"
    assert labels(read("celeba", tmp_path, judgements=True)[1]).attributes["attractive"] is True
    (tmp_path / "Anno/identity_CelebA.txt").unlink()
    assert read("celeba", tmp_path)[0].provenance.subject_id == f"celeba-{first.id}"
    edit(tmp_path / "Eval/list_eval_partition.txt", "000003.jpg", "000004.jpg")
    with pytest.raises(FaceLLMError, match=r"celeba.txt:5: 000003.jpg is not in list_eval_part"):
        read("celeba", tmp_path)


def test_utkface(tmp_path: Path) -> None:
    items = read("utkface", mini.utkface(tmp_path))
    (odd,) = [i for i in items if isinstance(i, Reject)]
    young, old = (i for i in items if isinstance(i, Sample))
    assert odd.reason == "bad_name" and "3 fields" in odd.detail
    assert labels(young).age == 26 and labels(young).groups == {"gender": "female", "race": "Asian"}
    assert labels(old).age == 80 and labels(old).groups == {"gender": "male", "race": "White"}


def test_fairface(tmp_path: Path) -> None:
    items = read("fairface", mini.fairface(tmp_path))
    assert labels(items[1]).groups == {
        "age": "more than 70", "gender": "Female", "race": "Latino_Hispanic",
    }  # fmt: skip
    assert labels(items[1]).age is None
    assert [i.split for i in items] == ["train", "train", "val"]


def test_morph2(tmp_path: Path) -> None:
    items = read("morph2", mini.morph2(tmp_path))
    assert [labels(i).age for i in items] == [54, 56, 64]
    assert labels(items[2]).groups == {"gender": "female", "race": "W"}
    assert items[0].provenance.subject_id == items[1].provenance.subject_id == "morph2-009055"
    write(tmp_path / "other.csv", "id_num")
    with pytest.raises(
        FaceLLMError, match=r"expected one csv .* found MORPH_Album2_comp.csv, other"
    ):
        read("morph2", tmp_path)


def test_a_damaged_picture_is_a_reject_with_its_line(tmp_path: Path) -> None:
    mini.raf_db(tmp_path)
    (tmp_path / "basic/Image/aligned/train_00002_aligned.jpg").write_bytes(b"<html>")
    _, reject, _ = read("raf_db", tmp_path)
    assert reject.reason == "unreadable_file"
    assert reject.item_id == "basic/Image/aligned/train_00002_aligned.jpg"
    assert "list_patition_label.txt:2" in reject.detail


def test_a_turned_photograph_has_the_box_of_what_is_shown(tmp_path: Path) -> None:
    mini.raf_db(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = tmp_path / "basic/Image/aligned/train_00001_aligned.jpg"
    Image.new("RGB", (40, 30)).save(file, exif=exif)
    assert read("raf_db", tmp_path)[0].faces[0].box == (0, 0, 30, 40)
