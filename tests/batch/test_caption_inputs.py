"""What a user names becomes a list of files that is the same every time, or one line that says why
not."""

from pathlib import Path

import pandas as pd
import pytest
from captioning import do, job, write_pictures

from facellm.batch.inputs import Inputs
from facellm.core.errors import FaceLLMError


def labels(*named: object, **more: object) -> list[str]:
    return [item.label for item in Inputs([str(name) for name in named], **more)]


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    folder = write_pictures(tmp_path / "in", 4)
    (folder / "b" / "c").mkdir(parents=True)
    (folder / "b" / "c" / "deep.JPG").write_bytes(b"x")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "secret.png").write_bytes(b"x")
    (folder / "clip.mp4").write_bytes(b"x")
    (folder / "notes.txt").write_text("hello")
    return folder


def test_folders_are_walked_in_order_and_globs_too(folder: Path) -> None:
    files = ("00000.png", "00001.png", "00002.png", "00003.png", "b/c/deep.JPG", "clip.mp4")
    names = [f"{folder}/{name}" for name in files]
    assert labels(folder) == names
    assert labels(folder / "0*.png") == names[:4]
    assert labels(folder / "**" / "*.JPG") == names[4:5]
    assert labels(folder, limit=2) == names[:2]
    assert labels(folder / "clip.mp4", folder / "00002.png") == [names[5], names[2]]
    one = Inputs([str(folder)])
    assert one.measure() == one.measure() and dict(one.left_out) == {".txt": 1}


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".txt"])
def test_lists_name_paths_relative_to_themselves(folder: Path, ending: str) -> None:
    paths = ["in/00002.png", "in/gone.png", str(folder / "00000.png")]
    table = pd.DataFrame({"id": [1, 2, 3], "path": paths})
    file = folder.parent / f"list{ending}"
    if ending == ".parquet":
        table.to_parquet(file)
    elif ending == ".txt":
        file.write_text("\n".join(paths) + "\n")
    else:
        table.to_csv(file, index=False, sep="\t" if ending == ".tsv" else ",")
    assert labels(file) == paths
    told = do(job(folder.parent / "out.parquet", file))
    assert (told["frames"], told["errors"]) == (2, 1)
    rows = pd.read_parquet(folder.parent / "out.parquet")
    [error] = rows["error"].dropna()
    assert "no such image file" in error


def test_a_list_without_paths_names_its_columns(tmp_path: Path) -> None:
    pd.DataFrame({"id": [1], "photo": ["a.png"]}).to_csv(tmp_path / "list.csv", index=False)
    with pytest.raises(
        FaceLLMError, match="has the columns id, photo; expected one of path, image"
    ):
        labels(tmp_path / "list.csv")
    assert labels(tmp_path / "list.csv", column="photo") == ["a.png"]
    with pytest.raises(FaceLLMError, match="has the columns id, photo; expected 'pic'"):
        labels(tmp_path / "list.csv", column="pic")
    pd.DataFrame({"image": [1, 2]}).to_parquet(tmp_path / "list.parquet")
    with pytest.raises(FaceLLMError, match="holds int64; expected paths as text"):
        labels(tmp_path / "list.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"nonsense")
    with pytest.raises(FaceLLMError, match="not a parquet file"):
        labels(tmp_path / "bad.parquet")


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(FaceLLMError, match="no such file or folder"):
        Inputs([str(tmp_path / "gone")])
    (tmp_path / "a.doc").write_text("x")
    with pytest.raises(FaceLLMError, match=r"no pictures, videos .*other files: 1 .doc"):
        Inputs([str(tmp_path)]).measure()
    with pytest.raises(FaceLLMError, match="no pictures"):
        Inputs([str(tmp_path / "*.png")]).measure()
