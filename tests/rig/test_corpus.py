"""The command: files, samples, independence of the number of workers, errors."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from data_engine.rig import RIG_UNITS
from data_engine.rig.corpus import Job, render_corpus, split_of
from facellm.core.errors import FaceLLMError
from facellm.core.sample import read_samples


def job(out: Path) -> Job:
    return Job("procedural", out, count=6, seed=1, identities=3, start_identity=7, size=64)


@pytest.mark.slow
def test_the_corpus_does_not_depend_on_the_workers(tmp_path: Path) -> None:
    for workers in (1, 2):
        done = list(render_corpus(job(tmp_path / str(workers)), workers))
        assert done[-1] == 6
    one, two = (
        {p.relative_to(tmp_path / w): p.read_bytes() for p in (tmp_path / w).rglob("*.*")}
        for w in ("1", "2")
    )
    assert one == two and len(one) == 7
    samples = list(read_samples(tmp_path / "1"))
    assert [s.image for s in samples] == [f"images/{n:06d}.jpg" for n in range(6)]
    assert {s.provenance.subject_id: s.split for s in samples} == {
        "procedural-0007": "train", "procedural-0008": "val", "procedural-0009": "test",
    }  # fmt: skip
    face = samples[0].faces[0]
    assert face.points is not None and len(face.points) == 68
    assert face.visible is not None and len(face.visible) == 68
    assert set(face.labels.action_units or {}) == set(RIG_UNITS)
    assert Image.open(tmp_path / "1" / samples[0].image).size == (64, 64)


def test_splits_go_by_person() -> None:
    assert [split_of(n) for n in (7, 8, 9, 10)] == ["train", "val", "test", "train"]


@pytest.mark.parametrize("count, workers", [(0, 1), (3, 0)])
def test_numbers_that_make_no_corpus(tmp_path: Path, count: int, workers: int) -> None:
    with pytest.raises(FaceLLMError, match="expected at least 1"):
        list(render_corpus(Job("procedural", tmp_path, count, 0, 2), workers))


@pytest.mark.slow
def test_a_wrong_folder_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data_engine.rig", str(tmp_path / "none"), "--out", "x"]
    got = subprocess.run(command, capture_output=True, text=True, check=False)
    assert got.returncode == 2
    assert got.stderr.startswith("error: ") and len(got.stderr.strip().splitlines()) == 1
