"""The picture sets in miniature: each function builds the official layout with tiny pictures."""

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 24


def picture(file: Path, seed: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> Path:
    """A small picture of noise, another for each seed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(file)
    return file


def write(file: Path, *lines: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file.name}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def append(file: Path, line: str) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write(line + "\n")


def raf_db(root: Path) -> Path:
    """Basic: surprise, happiness and neutral; the first with its attributes."""
    basic = root / "basic"
    rows = {"train_00001": 1, "train_00002": 4, "test_0001": 7}
    for n, stem in enumerate(rows):
        picture(basic / "Image" / "aligned" / f"{stem}_aligned.jpg", n)
    write(
        basic / "EmoLabel" / "list_patition_label.txt", *(f"{s}.jpg {n}" for s, n in rows.items())
    )
    points = ["10.5\t12.5"] * 5
    write(basic / "Annotation" / "manual" / "train_00001_manu_attri.txt", *points, "1", "2", "3")
    return root


def raf_db_compound(root: Path) -> Path:
    compound = root / "compound"
    for n, stem in enumerate(("train_0001", "test_0001")):
        picture(compound / "Image" / "aligned" / f"{stem}_aligned.jpg", n)
    write(compound / "EmoLabel" / "list_patition_label.txt", "train_0001.jpg 1", "test_0001.jpg 11")
    return root


POINTS = ";".join(f"{x % 17}.5;{x // 17}" for x in range(68))
AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,"
    "expression,valence,arousal"
)


def affectnet(root: Path) -> Path:
    """Happiness, uncertain without values, no face; surprise for validation."""
    lists = root / "Manually_Annotated_file_lists"
    for n, name in enumerate(("1/a", "1/b", "2/c", "2/d")):
        picture(root / "Manually_Annotated_Images" / f"{name}.jpg", n)
    write(
        lists / "training.csv",
        AFFECTNET_HEADER,
        f"1/a.jpg,2,3,10,12,{POINTS},1,0.75,-0.25",
        f"1/b.jpg,2,3,10,12,{POINTS},9,-2,-2",
        "2/c.jpg,0,0,0,0,NULL,10,-2,-2",
    )
    write(lists / "validation.csv", AFFECTNET_HEADER, f"2/d.jpg,1,1,9,9,{POINTS},3,0.1,0.9")
    return root


def affectnet8(root: Path) -> Path:
    for part, names in {"train_set": ("0", "1"), "val_set": ("0",)}.items():
        for name in names:
            picture(root / part / "images" / f"{name}.jpg", len(part) + int(name))
            notes = root / part / "annotations"
            notes.mkdir(parents=True, exist_ok=True)
            np.save(notes / f"{name}_exp.npy", np.array("6"))
            np.save(notes / f"{name}_val.npy", np.array("-0.5"))
            np.save(notes / f"{name}_aro.npy", np.array(0.25))
            np.save(notes / f"{name}_lnd.npy", np.arange(136, dtype=float))
    return root


def pixels(seed: int) -> str:
    return " ".join(map(str, np.random.default_rng(seed).integers(0, 256, 48 * 48)))


def fer2013(root: Path) -> Path:
    write(
        root / "fer2013.csv",
        "emotion,pixels,Usage",
        f"0,{pixels(0)},Training",
        f"3,{pixels(1)},PublicTest",
        f"6,{pixels(2)},PrivateTest",
    )
    return root


def fer2013_folders(root: Path) -> Path:
    for n, name in enumerate(("train/angry/im0", "train/happy/im0", "test/surprise/im0")):
        picture(root / f"{name}.png", n, (48, 48))
    return root


def ferplus(root: Path) -> Path:
    """A clear majority, none, and a picture of no face that FER+ gives no name."""
    fer2013(root)
    write(
        root / "fer2013new.csv",
        "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,"
        "NF",
        "Training,fer0000000.png,4,0,0,0,6,0,0,0,0,0",
        "PublicTest,fer0000001.png,5,5,0,0,0,0,0,0,0,0",
        "PrivateTest,,0,0,0,0,0,0,0,0,0,10",
    )
    return root


DISFA_UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)


def disfa(root: Path) -> Path:
    """Two persons, three frames each; AU12 grows, all others rest."""
    for person in ("SN001", "SN002"):
        labels = root / "ActionUnit_Labels" / person
        for unit in DISFA_UNITS:
            lines = (f"{n},{n + 1 if unit == 12 else 0}" for n in (1, 2, 3))
            write(labels / f"{person}_au{unit}.txt", *lines)
        for n in (1, 2, 3):
            folder = root / "frames" / f"LeftVideo{person}_comp"
            picture(folder / f"LeftVideo{person}_comp_{n:05d}.png", n + int(person[-1]) * 10)
    return root


def bp4d(root: Path) -> Path:
    """Frame 11: AU6 acts (with intensity 4), AU1 does not, AU12 is unknown; AU33 is not ours."""
    coding = root / "AUCoding"
    header = "0,1,6,12,17,33"
    write(coding / "AU_OCC" / "F001_T1.csv", header, "11,0,1,9,1,1", "12,0,1,1,0,0")
    write(coding / "AU_OCC" / "M002_T8.csv", header, "5,1,0,0,0,0")
    write(coding / "AU_INT" / "AU06" / "F001_T1_AU06.csv", "11,4", "12,9")
    for n, name in enumerate(("F001/T1/0011", "F001/T1/0012", "M002/T8/0005")):
        picture(root / "2D+3D" / f"{name}.jpg", n)
    return root


def raf_au(root: Path) -> Path:
    for n in (1, 2, 3):
        picture(root / "aligned" / f"000{n}_aligned.jpg", n)
    write(root / "RAFAU_label.txt", "0001.jpg 4+L12+32 ", "0002.jpg null", "0003.jpg 1+2")
    return root


def emotionet(root: Path) -> Path:
    """The csv in its own odd quoting; the second picture could not be fetched."""
    write(
        root / "EmotioNet_FACS_aws_2020_24600.csv",
        "URL,URL orig,\"'AU 1'\",\"'AU 12'\",\"'AU 51'\"",
        "'http://host/N_01/N_01_0001.jpg','http://old/1',0,1,1",
        "'http://host/N_01/N_01_0002.jpg','http://old/2',0,999,0",
    )
    codes = "\t".join("1" if n == 25 else "0" for n in range(1, 61))
    write(root / "dataFile_0001.txt", f"http://host/N_02/N_02_0001.jpg\thttp://old/3\t{codes}")
    picture(root / "images" / "N_01_0001.jpg", 1)
    picture(root / "images" / "N_02" / "N_02_0001.jpg", 2)
    return root


def celeba(root: Path) -> Path:
    rows = {"000001.jpg": "-1  1 1 -1  1", "000002.jpg": " 1 -1 -1 1 -1", "000003.jpg": "1 1 1 1 1"}
    write(
        root / "Anno" / "list_attr_celeba.txt",
        "3",
        "Attractive Eyeglasses Male Mouth_Slightly_Open Young ",
        *(f"{name} {values}" for name, values in rows.items()),
    )
    write(root / "Anno" / "identity_CelebA.txt", *(f"{name} 28{n}" for n, name in enumerate(rows)))
    write(root / "Eval" / "list_eval_partition.txt", *(f"{p} {n}" for n, p in enumerate(rows)))
    for n, name in enumerate(rows):
        picture(root / "Img" / "img_align_celeba" / name, n)
    return root


def utkface(root: Path) -> Path:
    """Two good names and one that lacks a field, as three of the official files do."""
    for n, name in enumerate(("26_1_2_20170104165501", "80_0_0_20170110145216", "39_1_2017011617")):
        picture(root / "UTKFace" / f"{name}.jpg.chip.jpg", n)
    return root


def fairface(root: Path) -> Path:
    header = "file,age,gender,race,service_test"
    write(
        root / "fairface_label_train.csv",
        header,
        "train/1.jpg,50-59,Male,East Asian,True",
        "train/2.jpg,more than 70,Female,Latino_Hispanic,False",
    )
    write(root / "fairface_label_val.csv", header, "val/1.jpg,0-2,Female,Black,False")
    for n, name in enumerate(("train/1", "train/2", "val/1")):
        picture(root / "fairface-img-margin025-trainval" / f"{name}.jpg", n)
    return root


def morph2(root: Path) -> Path:
    write(
        root / "MORPH_Album2_comp.csv",
        "id_num,picture_num,dob,doa,race,gender,facial_hair,age,photo",
        "009055,1,1950-01-01,2004-05-06,B,M,,54,Album2/009055_1M54.JPG",
        "009055,2,1950-01-01,2006-05-06,B,M,,56,Album2/009055_2M56.JPG",
        "021896,1,1942-01-01,2006-05-06,W,F,,64,Album2/021896_1F64.JPG",
    )
    for n, name in enumerate(("009055_1M54", "009055_2M56", "021896_1F64")):
        picture(root / "Album2" / f"{name}.JPG", n)
    return root
