"""Video, instruction and table sets in miniature: each builds the layout its source documents."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniatures_images import picture, write

av = pytest.importorskip("av", reason="PyAV is not installed")

FFPP_PAIRS = {"train": ("000", "003"), "val": ("100", "101"), "test": ("200", "201")}


def video(file: Path, seed: int = 0, frames: int = 3) -> Path:
    """A tiny video of noise, another for each seed; flv and the like hold mpeg4 too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with av.open(str(file), "w", format="flv" if file.suffix == ".flv" else None) as out:
        stream = out.add_stream("flv1" if file.suffix == ".flv" else "mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(frames):
            noise = rng.integers(0, 256, (32, 32, 3), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return file


def dump(file: Path, value: Any) -> Path:
    """A json file, or a jsonl file of a list's members."""
    if file.suffix == ".jsonl":
        return write(file, *(json.dumps(v) for v in value))
    return write(file, json.dumps(value, indent=1))


def faceforensics(root: Path) -> Path:
    """One pair a split, all originals, and two of the five methods."""
    seed = 0
    for split, pair in FFPP_PAIRS.items():
        dump(root / "splits" / f"{split}.json", [list(pair)])
        for name in pair:
            video(root / "original_sequences/youtube/c23/videos" / f"{name}.mp4", seed := seed + 1)
        for method in ("Deepfakes", "FaceSwap"):
            for name in ("_".join(pair), "_".join(reversed(pair))):
                folder = root / "manipulated_sequences" / method / "c23" / "videos"
                video(folder / f"{name}.mp4", seed := seed + 1)
    return root


def dfew(root: Path) -> Path:
    """Fold 1 with three clips to train on and one to test, one of them avi."""
    folder = root / "EmoLabel_DataSplit"
    write(folder / "train(single-labeled)/set_1.csv", "video_name,label", "1,1", "2,4", "4,7")
    write(folder / "test(single-labeled)/set_1.csv", "video_name,label", "3,3")
    for name in ("00001.mp4", "00002.avi", "00003.mp4", "00004.mp4"):
        video(root / "Clip" / "original" / name, int(name[:5]))
    return root


def mafw(root: Path) -> Path:
    """Fold 1 of the four kinds of lists; those with captions in GB18030."""
    lists = root / "Train & Test Set"
    write(lists / "single/no_caption/set_1/train.txt", "00001.mp4 anger", "00002.mp4 anxiety")
    write(lists / "single/no_caption/set_1/test.txt", "00003.mp4 neutral")
    write(lists / "compound/no_caption/set_1/train.txt", "00001.mp4 anger_disgust")
    write(lists / "compound/no_caption/set_1/test.txt", "00003.mp4 neutral")
    captioned = lists / "single/with_caption/set_1"
    captioned.mkdir(parents=True)
    line = "00001.mp4\tanger\t一个男人皱眉\tA man frowns at his friend.\n"
    (captioned / "train.txt").write_bytes(line.encode("gb18030"))
    (captioned / "test.txt").write_bytes(line.replace("00001", "00002").encode("gb18030"))
    for number in (1, 2, 3):
        video(root / "data" / "clips" / f"{number:05d}.mp4", number)
    return root


def crema_d(root: Path) -> Path:
    write(
        root / "VideoDemographics.csv",
        "ActorID,Age,Sex,Race,Ethnicity",
        "1001,51,Male,Caucasian,Not Hispanic",
        "1002,21,Female,African American,Not Hispanic",
    )
    for n, name in enumerate(("1001_DFA_ANG_XX", "1001_IEO_HAP_HI", "1002_ITH_SAD_X")):
        video(root / "VideoFlash" / f"{name}.flv", n)
    return root


def clips(root: Path) -> Path:
    """Two folders of labels, one video deeper, and a loose one."""
    video(root / "happy" / "a.mp4", 1)
    video(root / "happy" / "take2" / "b.mkv", 2)
    video(root / "sad" / "c.mp4", 3)
    video(root / "d.mp4", 4)
    return root


def llava(image: str | list[str] | None, *texts: str, **more: Any) -> dict[str, Any]:
    """A record in the LLaVA dialect, question and answer by turns."""
    turns = [{"from": ("human", "gpt")[n % 2], "value": text} for n, text in enumerate(texts)]
    record = {"conversations": turns, **more}
    if image is not None:
        record["image"] = image
    return record


def faba(root: Path) -> Path:
    """The folder FABAInstruct: an au and an emotion file to train on and to test."""
    for part, answer in (("train", "AU4 - Brow Lowerer: a frown."), ("eval", "A calm face.")):
        image = f"FABAInstruct/{part}/images/AffectNet/1.jpg"
        picture(root / part / "images" / "AffectNet" / "1.jpg", len(part))
        record = llava(image, "Which units?\n<image>", answer, id="AffectNet/1", source="AffectNet",
                       landmark="1.npy")  # fmt: skip
        dump(root / part / f"{part}_au_anno.json", [record])
        dump(root / part / f"{part}_emotion_anno.json", [record])
    return root


def fea20k(root: Path) -> Path:
    """Texts in `texts`, pictures in `pictures`; two stages and a test file."""
    records = [
        {
            "id": "1", "dataset": "RAF-DB", "image": "RAF-DB/1.jpg",
            "question": "What is the emotion of this face?\n<image>", "AUs": ["AU6", "AU12"],
            "labels": ["Happiness"], "description": "The cheeks are raised.", "meta_info": {},
        },
        {
            "id": "2", "dataset": "DISFA", "image": "DISFA/2.jpg", "question": "Which units act?",
            "AUs": ["AU04", "AU33"], "labels": [], "description": "The brows are lowered.",
        },
    ]  # fmt: skip
    for n, record in enumerate(records):
        picture(root / "pictures" / record["image"], n)
    dump(root / "texts" / "FABA-Train-stage1.jsonl", records)
    dump(root / "texts" / "FABA-Train-stage2.jsonl", records[:1])
    dump(root / "texts" / "FABA-Test.jsonl", [{**records[1], "question": "And here?"}])
    return root


def faceinstruct(root: Path) -> Path:
    video(root / "a.mp4", 1)
    picture(root / "b.jpg", 2)
    clip = llava(None, "<video>\nWhat is the emotion?", "Joy, for the corners rise.", video="a.mp4")
    dump(
        root / "emotion.json",
        [clip, llava("b.jpg", "<image>\nHow old?", "About 30.", landmarks_2d="b.npy")],
    )
    return root


def fairfacegpt(root: Path) -> Path:
    turns = [
        {"from": "human", "value": "<image>Describe the face pose of the image."},
        {"from": "assistant", "value": "The face is frontal."},
    ]
    picture(root / "fairface_img_margin025" / "val" / "1.jpg", 1)
    dump(root / "dataset.json", [
        {"image": "val/1.jpg", "conversations": turns},
        {"image": "val/1.jpg", "conversations": [{**turns[0], "value": "Describe this image."},
                                                 {**turns[1], "value": "A man smiles."}]},
    ])  # fmt: skip
    return root


def emonet_face(root: Path) -> Path:
    """Three pictures rated by two people and a model; two pictures with single categories."""
    ratings = [
        ("a.jpg", "human-1", True, {"Negative High-Energy Emotions|Anger": 6, "X|Contempt": 2}),
        ("a.jpg", "human-2", True, {"Negative High-Energy Emotions|Anger": 4, "X|Contempt": 3}),
        ("a.jpg", "some model", False, {"X|Elation": 7}),
        ("b.jpg", "human-1", True, {"X|Elation": 5, "X|Pride": 5}),
        ("c.jpg", "human-1", True, {"X|Elation": 0, "X|Pride": 0}),
    ]
    lines = [f'{name},{who},{person},"{given}"' for name, who, person, given in ratings]
    write(root / "hq.csv", "image,annotator,human,annotations", *lines)
    write(
        root / "binary.csv", "path,annotator,value,emotion",
        "00000,human-1,True,Fear", "00000,human-2,True,Fear", "00000,human-3,False,Contentment",
        "00001,human-1,True,Hopelessness", "00001,human-2,False,Hopelessness",
    )  # fmt: skip
    for n, name in enumerate(("a.jpg", "b.jpg", "c.jpg", "00000.jpg", "00001.png")):
        picture(root / "images" / name, n)
    return root
