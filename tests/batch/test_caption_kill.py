"""`kill -9` at any moment, and the finished table is the same byte for byte. Memory stays flat."""

import multiprocessing
import os
import random
import resource
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from captioning import do, job, quietly, write_clip, write_pictures
from PIL import Image

from facellm.batch import Job
from facellm.core.errors import FaceLLMError

pytest.importorskip("av", reason="PyAV is not installed")
pytestmark = pytest.mark.slow
FORK = multiprocessing.get_context("fork")  # a process that starts at once
KILLS = 50
FILES = ("", ".errors.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, a bad one, a clip among them, and a tar shard's worth of more pictures."""
    folder = write_pictures(tmp_path_factory.mktemp("kill") / "in", 300)
    (folder / "00007.png").write_bytes(b"damaged")
    write_clip(folder / "00100b.mkv", 120)
    return folder


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import and compile here what every process would do again."""
    folder = write_pictures(tmp_path_factory.mktemp("warm") / "in", 3)
    write_clip(folder / "clip.mkv", 5)
    do(job(folder.parent / "out.parquet", folder))


def in_a_process(one: Job, pause: float = 0.0) -> None:
    process = FORK.Process(target=quietly, args=(one, pause))
    process.start()
    process.join()
    assert process.exitcode == 0


def results(out: Path) -> list[bytes]:
    return [out.with_name(out.name + ending).read_bytes() for ending in FILES]


def parts_of(out: Path) -> int:
    return len(list(out.parent.glob(f"{out.name}.parts/*.arrow")))


def test_fifty_kills_at_random_moments(folder: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    in_a_process(job(whole, folder))
    rng = random.Random(0)
    for _ in range(KILLS):
        process = FORK.Process(target=quietly, args=(job(out, folder), 0.1))
        wanted = parts_of(out) + rng.choice((0, 1, 1, 2))  # however fast the machine is
        process.start()
        while parts_of(out) < wanted and process.is_alive():
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.15))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the job ended before it was killed 50 times"
        assert parts_of(out) >= wanted
    assert not out.exists()
    in_a_process(job(out, folder))
    assert results(out) == results(whole)


def die_at(one: Job, operation: int) -> None:
    """Do the job, and die in place of the n-th time that a file is synced, moved or removed."""
    count = 0

    def counting(original):
        def call(*args, **more):
            nonlocal count
            count += 1
            if count == operation:
                os._exit(9)
            return original(*args, **more)

        return call

    for name in ("fsync", "replace", "unlink", "rmdir"):
        setattr(os, name, counting(getattr(os, name)))
    quietly(one)
    os._exit(0)


def test_death_at_every_single_file_operation(tmp_path: Path) -> None:
    """Random moments rarely hit the short ones: between a file and its marker, while cleaning."""
    folder = write_pictures(tmp_path / "in", 5)
    write_clip(folder / "00003b.mkv", 15)
    whole, out = tmp_path / "whole.parquet", tmp_path / "made" / "out.parquet"
    in_a_process(job(whole, folder))
    operation = 0
    while True:
        operation += 1
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir()
        process = FORK.Process(target=die_at, args=(job(out, folder), operation))
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == 9
        in_a_process(job(out, folder))
        assert results(out) == results(whole), f"after death at file operation {operation}"
    assert operation > 20


def on_a_full_disk(one: Job, most: int, said: Any) -> None:
    """Do the job where no file can grow beyond `most` bytes, which is how a full disk looks."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        do(one)
    except FaceLLMError as error:
        said.put(str(error))


@pytest.mark.parametrize("at", ["a part", "the table"])
def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, at: str) -> None:
    folder = write_pictures(tmp_path / "in", 60)
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    in_a_process(job(whole, folder))
    most = {"a part": 2000, "the table": whole.stat().st_size - 1}[at]
    said = FORK.SimpleQueue()
    process = FORK.Process(target=on_a_full_disk, args=(job(out, folder), most, said))
    process.start()
    process.join()
    assert process.exitcode == 0
    message = "" if said.empty() else said.get()
    assert "cannot write beside" in message and "run the same command again" in message
    assert not out.exists() and not list(tmp_path.rglob("*.new"))
    assert (parts_of(out) > 0) is (at == "the table")
    in_a_process(job(out, folder))
    assert results(out) == results(whole)


def test_two_runs_of_one_job_do_not_meet(tmp_path: Path) -> None:
    folder, out = write_pictures(tmp_path / "in", 40), tmp_path / "out.parquet"
    process = FORK.Process(target=quietly, args=(job(out, folder), 0.3))
    process.start()
    try:
        deadline = time.monotonic() + 20
        while not list(tmp_path.glob("*.parts/*.arrow")) and time.monotonic() < deadline:
            time.sleep(0.02)
        for overwrite in (False, True):
            with pytest.raises(FaceLLMError, match="another run is working"):
                do(job(out, folder, overwrite=overwrite))
    finally:
        process.kill()
        process.join()


def peak_memory(one: Job) -> int:
    """MiB at most in a process that does the job."""
    queue = FORK.SimpleQueue()

    def run() -> None:
        do(one)
        queue.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)

    process = FORK.Process(target=run)
    process.start()
    process.join()
    assert process.exitcode == 0
    return int(queue.get())


def test_memory_does_not_grow_with_the_job(tmp_path: Path) -> None:
    """Ten times the pictures and frames: each alone would be 430 MiB more if they were kept."""
    for count in (20, 200):
        folder = tmp_path / f"in{count}"
        folder.mkdir()
        for n in range(count):
            Image.new("RGB", (1000, 750), (n, 0, 0)).save(folder / f"{n}.jpg")
        write_clip(folder / "clip.mp4", count, (640, 480), 2)
    small, large = (
        peak_memory(job(tmp_path / f"{n}.parquet", tmp_path / f"in{n}")) for n in (20, 200)
    )
    assert large < small + 40, (small, large)
