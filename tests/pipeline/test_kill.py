"""`kill -9` at any moment: nothing is lost, nothing comes twice, no answer is paid twice."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest
from pipeline_parts import calls_of

from data_engine.run import run

pytestmark = pytest.mark.slow
FORK = multiprocessing.get_context("fork")  # a process that starts at once
KILLS = 50


def steps(tmp_path, seconds):
    return [
        {"use": "pipeline_parts:Sieve", "by": 7},
        {"use": "pipeline_parts:SlowTeacher", "folder": str(tmp_path), "seconds": seconds},
        {"use": "pipeline_parts:Backwards"},
        {"use": "pipeline_parts:Talk"},
    ]


def completed_calls(folder):
    with closing(calls_of(folder)) as calls:
        return {key for (key,) in calls.execute("SELECT key FROM calls")}


def asked(folder):
    return (folder / "asked.log").read_text().split()


def quietly(path):
    os.close(2)
    os.open(os.devnull, os.O_WRONLY)
    run(path)


def test_fifty_kills_at_random_moments(recipe, results, tmp_path):
    source = {"use": "pipeline_parts:Numbers", "count": 1400}
    (tmp_path / "whole").mkdir()
    whole = run(
        recipe(source=source, steps=steps(tmp_path / "whole", 0.0), shard_size=50),
        [f"output_dir={tmp_path}/whole/run"],
    )
    path = recipe(source=source, steps=steps(tmp_path, 0.02), shard_size=50)
    rng = random.Random(0)
    killed = 0
    log = tmp_path / "asked.log"
    log.touch()
    while killed < KILLS:
        before = completed_calls(tmp_path)
        seen = len(asked(tmp_path))
        process = FORK.Process(target=quietly, args=(path,))
        process.start()
        time.sleep(rng.uniform(0.0, 0.2))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run ended before it was killed 50 times"
        killed += 1
        assert not before & set(asked(tmp_path)[seen:]), "a completed call was paid again"
    seen, before = len(asked(tmp_path)), completed_calls(tmp_path)
    assert 0 < len(before) < 1200
    folder = run(path)
    assert not before & set(asked(tmp_path)[seen:])
    assert results(folder) == results(whole)
    lines = (folder / "rows.jsonl").read_text().splitlines()
    said = [json.loads(line)["id"] for line in lines]
    rejected = (folder / "rejects" / "sieve.jsonl").read_text().splitlines()
    inputs = [f"s{n}" for n in range(1400)]
    expected = [f"{name}-{n}" for name in inputs if int(name[1:]) % 7 for n in (0, 1)]
    assert sorted(said) == sorted(expected)
    assert [json.loads(line)["item_id"] for line in rejected] == inputs[::7]


def die_at(path, operation):
    """Run, and die in place of the n-th time that a file is synced or moved."""
    count = 0
    originals = {name: getattr(os, name) for name in ("fsync", "replace")}

    def counting(name):
        def call(*args):
            nonlocal count
            count += 1
            if count == operation:
                os._exit(9)
            return originals[name](*args)

        return call

    for name in originals:
        setattr(os, name, counting(name))
    quietly(path)
    os._exit(0)


def test_death_at_every_single_file_operation(recipe, results, tmp_path):
    """Random moments rarely hit the short ones: between a file and its marker, in the assembly."""
    parts = steps(tmp_path, 0.0)
    whole = run(recipe(steps=parts, shard_size=7), [f"output_dir={tmp_path}/whole"])
    path = recipe(steps=parts, shard_size=7)
    operation, deaths = 1, 0
    while True:
        process = FORK.Process(target=die_at, args=(path, operation))
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == 9
        deaths += 1
        if operation % 3 == 0:  # go on from here; else die a little later in the same state
            run(path)
            assert results(tmp_path / "run") == results(whole)
            subprocess.run(["rm", "-r", tmp_path / "run"], check=True)
        operation += 1
    assert deaths > 30
    assert results(tmp_path / "run") == results(whole)


def children_of(pid):
    command = ["ps", "-o", "pid=", "--ppid", str(pid)]
    listed = subprocess.run(command, capture_output=True, text=True)
    return [int(child) for child in listed.stdout.split()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_with_the_run_they_work_for(recipe, tmp_path):
    """An orphan would go on asking the teacher while the resumed run asks the same."""
    path = recipe(
        source={"use": "pipeline_parts:Numbers", "count": 4000},
        steps=steps(tmp_path, 0.05),
        shard_size=500,
    )
    code = "import sys; from pathlib import Path; from data_engine.run import run\n"
    code += "run(Path(sys.argv[1]), ['workers=2'])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(path)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    log = tmp_path / "asked.log"
    deadline = time.time() + 60
    while not (log.exists() and len(asked(tmp_path)) > 20) and time.time() < deadline:
        time.sleep(0.1)
    workers = children_of(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.wait()
    while any(map(alive, workers)) and time.time() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))
