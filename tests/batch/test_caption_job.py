"""Captioning jobs with a scripted model: what comes out, in which order, and what is refused."""

import json
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from captioning import SETTINGS, colour, do, job, write_clip, write_pictures
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.core.fex import COLUMNS

pytest.importorskip("av", reason="PyAV is not installed")


def about(row: pd.Series) -> str:
    """The colour that a row's text names."""
    return row["text"].split(" at ")[0]


def test_every_picture_has_its_rows_in_order(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "in", 11)
    told = do(job(tmp_path / "out.parquet", folder))
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert list(table.columns) == list(COLUMNS)
    expected = [(n, face) for n in range(11) for face in (range(1, n % 3 + 1) if n % 3 else [None])]
    got = [
        (int(Path(row["input"]).stem), None if pd.isna(row["face"]) else int(row["face"]))
        for _, row in table.iterrows()
    ]
    assert got == expected
    for _, row in table[table["face"].notna()].iterrows():
        n, face = int(Path(row["input"]).stem), int(row["face"])
        assert row["text"].startswith(f"{list(colour(n))} at {2 + 14 * (face - 1)}.")
        assert json.loads(row["answers"])["caption"] == row["text"]
        assert (row["AU12_r"], row["AU12_c"], row["AU12"], row["AU04"]) == (4, 1, 1, 0)
        assert row["happiness"] == pytest.approx(0.65)
    assert (told["frames"], told["no_face"], told["errors"]) == (11, 4, 0)
    assert not (tmp_path / "out.parquet.parts").exists()


def test_csv_holds_the_same_as_parquet(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "in", 7)
    do(job(tmp_path / "a.parquet", folder))
    do(job(tmp_path / "a.csv", folder, settings=SETTINGS.model_copy(update={"format": "csv"})))
    one, other = pd.read_parquet(tmp_path / "a.parquet"), pd.read_csv(tmp_path / "a.csv")
    assert list(one.columns) == list(other.columns)
    pd.testing.assert_frame_equal(
        one.select_dtypes("number").astype(float),
        other[one.select_dtypes("number").columns].astype(float),
    )
    assert one["text"].fillna("").tolist() == other["text"].fillna("").tolist()


def bad_files(folder: Path) -> dict[str, str]:
    """Name → part of the reason with which it cannot be read."""
    folder.mkdir()
    buffer = BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "PNG")
    (folder / "a_good.png").write_bytes(buffer.getvalue())
    (folder / "b_cut.png").write_bytes(buffer.getvalue()[:900])
    (folder / "c_text.jpg").write_text("not a picture")
    (folder / "d_empty.webp").write_bytes(b"")
    (folder / "e_text.mp4").write_text("not a video")
    (folder / "f_text.tar").write_text("not a tar" * 200)
    (folder / "g_notes.json").write_text("{}")
    return {
        "b_cut.png": "truncated or damaged", "c_text.jpg": "not an image", "d_empty.webp": "empty",
        "e_text.mp4": "not readable as a video", "f_text.tar": "tar shard cannot be read",
    }  # fmt: skip


def test_what_cannot_be_read_is_a_row_with_its_reason(tmp_path: Path) -> None:
    expected = bad_files(tmp_path / "in")
    told = do(job(tmp_path / "out.parquet", tmp_path / "in"))
    table = pd.read_parquet(tmp_path / "out.parquet")
    errors = pd.read_csv(tmp_path / "out.parquet.errors.csv")
    failed = table[table["error"].notna()]
    reasons = {Path(row["input"]).name: row["error"] for _, row in failed.iterrows()}
    assert list(reasons) == list(expected)
    assert all(part in reasons[name] for name, part in expected.items()), reasons
    assert errors["reason"].tolist() == failed["error"].tolist()
    assert set(errors["kind"]) == {"error"}
    assert (told["errors"], told["frames"], told["left_out"]) == (5, 1, {".json": 1})


def test_clips_give_frames_with_times_and_numbers_that_stay(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 31)
    settings = SETTINGS.model_copy(update={"fps": 5.0})
    do(job(tmp_path / "out.parquet", clip, settings=settings))
    table = pd.read_parquet(tmp_path / "out.parquet")
    frames = table.drop_duplicates("frame")
    assert frames["frame"].tolist() == list(range(0, 31, 2))
    assert frames["time"].tolist() == pytest.approx([n / 10 for n in range(0, 31, 2)])
    seen = table[table["face"].notna()]
    assert (seen["track"] == seen["face"]).all()  # each face stays where it is
    assert [about(row) for _, row in seen.iterrows()] == [
        str(list(colour(n))) for n in seen["frame"]
    ]


def test_a_cut_off_clip_gives_its_frames_and_the_reason(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 60, (160, 120))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    told = do(job(tmp_path / "out.parquet", clip))
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert told["frames"] > 2 and told["errors"] == 1
    assert table["error"].notna().tolist() == [False] * (len(table) - 1) + [True]


def test_peaks_are_fewer_frames(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", 41)
    settings = SETTINGS.model_copy(update={"sample": "peaks"})
    told = do(job(tmp_path / "out.parquet", clip, settings=settings))
    assert 1 <= told["frames"] <= 8


def test_a_clip_that_stands_still_is_read_once_until_it_changes(tmp_path: Path) -> None:
    import av

    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", 10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for n in range(40):
            shade = 90 if n < 20 else 140 if n < 30 else 141  # one jump, and one less than a step
            image = np.full((48, 64, 3), shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    settings = SETTINGS.model_copy(update={"sample": "change", "fps": 5.0})
    do(job(tmp_path / "out.parquet", path, settings=settings))
    assert pd.read_parquet(tmp_path / "out.parquet")["frame"].drop_duplicates().tolist() == [0, 20]


def test_tar_shards(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "in", 5)
    (folder / "00001.json").write_text("{}")
    for name, mode in (("a.tar", "w"), ("b.tar.gz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as tar:
            for file in sorted(folder.iterdir()):
                tar.add(file, file.name)
        do(job(tmp_path / f"{name}.parquet", tmp_path / name))
        table = pd.read_parquet(tmp_path / f"{name}.parquet")
        names = table["input"].drop_duplicates().tolist()
        assert names == [f"{tmp_path}/{name}/{n:05d}.png" for n in range(5)]
        seen = table[table["face"].notna()]
        assert [about(row) for _, row in seen.iterrows()] == [
            str(list(colour(int(Path(row["input"]).stem)))) for _, row in seen.iterrows()
        ]


def test_finished_means_nothing_to_do_and_overwrite_starts_again(tmp_path: Path) -> None:
    folder, out = write_pictures(tmp_path / "in", 3), tmp_path / "out.parquet"
    do(job(out, folder))
    first = out.stat().st_mtime_ns
    assert do(job(out, folder))["state"] == "finished before"
    assert out.stat().st_mtime_ns == first
    assert do(job(out, folder, overwrite=True))["state"] == "finished"


@pytest.mark.parametrize(
    ("key", "value"),
    [("model", "facellm-other"), ("weights", "1234"), ("fps", 3.0), ("format", "csv")],
)
def test_an_output_of_other_settings_is_refused(tmp_path: Path, key: str, value: object) -> None:
    folder, out = write_pictures(tmp_path / "in", 3), tmp_path / "out.parquet"
    do(job(out, folder))
    before = out.read_bytes()
    other = SETTINGS.model_copy(update={key: value})
    with pytest.raises(FaceLLMError, match=f"other settings: {key} .*'{value}' now"):
        do(job(out, folder, settings=other))
    assert out.read_bytes() == before
    assert do(job(out, folder, settings=other, overwrite=True))["state"] == "finished"


def test_changed_inputs_and_foreign_files_are_refused(tmp_path: Path) -> None:
    folder, out = write_pictures(tmp_path / "in", 3), tmp_path / "out.parquet"
    do(job(out, folder))
    (folder / "00001.png").write_bytes(b"now something else")
    with pytest.raises(FaceLLMError, match="other names or sizes"):
        do(job(out, folder))
    write_pictures(folder, 4)
    with pytest.raises(FaceLLMError, match="inputs '3' there, '4' now"):
        do(job(out, folder))
    foreign = tmp_path / "mine.parquet"
    foreign.write_bytes(b"precious")
    with pytest.raises(FaceLLMError, match="not made by this command"):
        do(job(foreign, folder))
    assert foreign.read_bytes() == b"precious"


def test_an_engine_that_fails_stops_the_job_and_keeps_what_is_done(tmp_path: Path) -> None:
    folder, out = write_pictures(tmp_path / "in", 12), tmp_path / "out.parquet"
    do(job(tmp_path / "whole.parquet", folder))

    class Failing:
        group = 4

        def __init__(self) -> None:
            self.calls = 0

        def look(self, source: object) -> object:
            return source

        def describe(self, looked: object) -> list:
            raise RuntimeError("out of memory")

    from facellm.batch import caption

    with pytest.raises(RuntimeError, match="out of memory"):
        caption(job(out, folder), Failing)
    assert not out.exists()
    do(job(out, folder))
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_a_pixel_budget_bounds_a_group() -> None:
    from facellm.batch.reading import MOST_PIXELS, _groups
    from facellm.batch.stream import Moment, Place

    sizes = np.array([0.4, 0.4, 0.4, 3.0, 0.1, 0.1]) * MOST_PIXELS
    moments = iter(
        [Moment("", Place(item=n), 1.0, pixels=int(size)) for n, size in enumerate(sizes)]
    )
    assert [len(group) for group in _groups(moments, 16)] == [2, 1, 1, 2]
