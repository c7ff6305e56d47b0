"""What a run makes of its items: order, counts, rejects, failing steps, any number of workers."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_engine.run import run
from facellm.core.errors import FaceLLMError
from facellm.core.sample import read_samples

SIEVE = {"use": "pipeline_parts:Sieve"}
TALK = {"use": "pipeline_parts:Talk"}
BACKWARDS = {"use": "pipeline_parts:Backwards"}


def everything(first, last):
    return [f"s{n}" for n in range(first, last)]


def test_samples_come_out_as_a_corpus_that_training_reads(go):
    folder = go()
    assert [s.id for s in read_samples(folder)] == everything(0, 20)
    assert not (folder / "work").exists()
    assert not list(folder.rglob("*.part"))


def test_several_sources_follow_one_another_and_limit_counts_items_not_rejects(go, ids):
    first = {"use": "pipeline_parts:Numbers", "count": 3, "broken": 1}
    second = {"use": "pipeline_parts:Numbers", "first": 10}
    folder = go(sources=[first, second], limit=5)
    assert ids(folder / "samples.jsonl") == ["s0", "s2", "s10", "s11", "s12"]
    assert ids(folder / "rejects" / "source-numbers.jsonl") == ["1.jpg"]


def test_every_item_is_given_or_rejected_and_counted_by_reason(go, ids):
    folder = go(steps=[{**SIEVE, "by": 3}, {**SIEVE, "by": 5}, TALK])
    rejected = ids(folder / "rejects" / "sieve.jsonl")
    talked_about = {name.split("-")[0] for name in ids(folder / "rows.jsonl")}
    assert sorted([*rejected, *talked_about]) == sorted(everything(0, 20))
    steps = json.loads((folder / "report.json").read_text())["steps"]
    # Multiples of 3 below 20: 7 with 0; of the other 13, 5 and 10 are multiples of 5.
    assert [(s["step"], s["taken"], s["given"], s["rejects"]) for s in steps[1:]] == [
        ("sieve", 20, 13, {"multiple": 7}),
        ("sieve", 13, 11, {"multiple": 2}),
        ("talk", 11, 22, {}),
    ]


@pytest.mark.parametrize("together", [2, 5])
def test_a_pair_is_not_parted_by_the_end_of_a_shard(go, together):
    source = {"use": "pipeline_parts:Numbers", "together": together, "broken": 3}
    write = {"use": "write", "writers": {"comparison": 1, "caption": 1}}
    folder = go(source=source, steps=[BACKWARDS, write], shard_size=3)
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    compared = [row["sample_ids"] for row in rows if row["task"] == "comparison"]
    numbers = [n for n in reversed(range(20)) if n != 3]
    neighbours = itertools.pairwise(numbers)
    expected = [[f"s{a}", f"s{b}"] for a, b in neighbours if a // together == b // together]
    assert compared == expected and len(expected) == {2: 9, 5: 15}[together]


def test_a_whole_step_sees_all_items_as_often_as_it_likes(go, ids):
    folder = go(steps=[{**SIEVE, "by": 4}, BACKWARDS, TALK, BACKWARDS])
    rows = ids(folder / "rows.jsonl")
    kept = [f"s{n}" for n in range(20) if n % 4]
    assert rows == [f"{name}-{n}" for name in kept for n in (1, 0)]
    steps = json.loads((folder / "report.json").read_text())["steps"]
    assert [s["taken"] for s in steps[1:]] == [20, 15, 15, 30]


def test_an_item_that_a_step_fails_on_becomes_a_reject(go, ids):
    folder = go(steps=[{**SIEVE, "fails_on": 6}, TALK])
    lines = (folder / "rejects" / "sieve.jsonl").read_text().splitlines()
    rejects = [json.loads(line) for line in lines]
    assert [r["item_id"] for r in rejects] == ["s0", "s6", "s12", "s18"]
    assert {r["reason"] for r in rejects} == {"error:KeyError"}
    assert "\n" not in rejects[0]["detail"] and rejects[0]["item"]["image"] == "images/0.jpg"
    assert len(ids(folder / "rows.jsonl")) == 2 * 16


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"use": "pipeline_parts:Sieve", "stops_on": "s9"}, "the teacher has gone"),
        ({"use": "pipeline_parts:Hoard", "fails_on": "s9"}, "not on a single item: KeyError"),
        ({"use": "pipeline_parts:Nonsense"}, "gave a str; expected samples"),
        ({"use": "pipeline_parts:Sieve", "full_on": "s9"}, "no space left on the disk"),
    ],
)
def test_what_concerns_more_than_one_item_stops_the_run_and_keeps_its_shards(
    recipe, step, message, ids
):
    path = recipe(steps=[step])
    with pytest.raises(FaceLLMError, match=message) as caught:
        run(path)
    assert "\n" not in str(caught.value)
    folder = path.parent / "run"
    assert not (folder / "samples.jsonl").exists()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["state"] == "stopped" and message in summary["error"]
    kept = list((folder / "work").glob("1-*/*.done"))
    assert len(kept) == (0 if "Nonsense" in step["use"] else 2)
    assert not list(folder.glob("work/1-*/*.part"))


def test_a_step_that_holds_several_items_is_fine_until_it_fails(go, ids):
    folder = go(steps=[{"use": "pipeline_parts:Hoard", "size": 3}])
    assert ids(folder / "samples.jsonl") == everything(0, 20)


def test_a_failing_source_stops_the_run(go):
    with pytest.raises(FaceLLMError, match="source numbers failed after 7 items: KeyError"):
        go(source={"use": "pipeline_parts:Numbers", "fails_at": 7})


def test_nothing_from_the_sources_is_an_error(go):
    with pytest.raises(
        FaceLLMError, match="no item that can be used: 1 were rejected, the first for"
    ):
        go(source={"use": "pipeline_parts:Numbers", "count": 1, "broken": 0})


def test_nothing_left_by_the_steps_is_reported_not_hidden(go, ids):
    folder = go(steps=[{**SIEVE, "by": 1}])
    assert len(ids(folder / "rejects" / "sieve.jsonl")) == 20
    assert json.loads((folder / "report.json").read_text())["items"] == {}


def test_samples_that_rows_are_about_are_kept_as_the_writer_saw_them(go, ids):
    folder = go(steps=[{**SIEVE, "by": 2}, {"use": "pipeline_parts:Author"}, {**SIEVE, "by": 3}])
    assert ids(folder / "samples.jsonl") == [f"s{n}" for n in range(20) if n % 2]
    assert {name.split("-")[0] for name in ids(folder / "rows.jsonl")} == {
        f"s{n}" for n in range(20) if n % 2 and n % 3
    }


def test_reasons_with_an_id_each_are_counted_as_one(go):
    folder = go(source={"use": "pipeline_parts:Numbers", "count": 90}, steps=[
        {**SIEVE, "by": 2, "reason": "like"}, {**SIEVE, "by": 43, "reason": "kind"}
    ])  # fmt: skip
    steps = json.loads((folder / "report.json").read_text())["steps"]
    assert steps[1]["rejects"] == {"like": 45} and steps[2]["rejects"] == {"kind:s43": 1}


def test_a_step_gets_the_seed_of_the_recipe_unless_it_has_its_own(go):
    folder = go(steps=[TALK], seed=5, limit=1)
    assert "seed 5" in (folder / "rows.jsonl").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("waits", [False, True])
def test_workers_change_nothing(recipe, results, tmp_path, waits, monkeypatch):
    steps = [{**SIEVE, "by": 7, "fails_on": 5}, BACKWARDS, TALK]
    if waits:
        steps.insert(1, {"use": "pipeline_parts:Waiter", "seconds": 0.001})
    path = recipe(steps=steps)
    monkeypatch.setenv("PYTHONHASHSEED", "1")  # for the workers: sets must not show their order
    folders = [
        run(path, [f"output_dir={tmp_path}/w{workers}", f"workers={workers}"])
        for workers in (1, 2, 3)
    ]
    assert results(folders[0]) == results(folders[1]) == results(folders[2])


@pytest.mark.slow
def test_a_worker_that_dies_is_one_clear_error(recipe):
    path = recipe(steps=[{**SIEVE, "dies_on": "s9"}])
    with pytest.raises(FaceLLMError, match="a worker process died"):
        run(path, ["workers=2"])


@pytest.mark.slow
def test_errors_in_workers_are_those_of_one_process(recipe):
    path = recipe(steps=[{**SIEVE, "stops_on": "s9"}])
    with pytest.raises(FaceLLMError, match=r"^the teacher has gone$"):
        run(path, ["workers=2"])


@pytest.mark.slow
def test_starting_a_run_imports_nothing_heavy():
    """A run is killed and started often; a worker is started for every process."""
    code = "import sys, data_engine.run; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    heavy = {"torch", "pandas", "ray", "pyarrow", "transformers", "cv2"} & set(done.stdout.split())
    assert not heavy


def test_plain_lines_and_table_where_there_is_no_terminal(go, capsys):
    go(steps=[{**SIEVE, "by": 2}])
    said = capsys.readouterr().err
    assert "source: 4 items, 0 rejected" in said
    assert "multiple" in said and "\r" not in said


def test_dry_run_prints_the_resolved_plan_and_writes_nothing(recipe, capsys):
    path = recipe(steps=[TALK, BACKWARDS])
    run(path, ["workers=2"], dry_run=True)
    said = capsys.readouterr().out
    assert "rows: 2" in said and "workers: 2" in said
    assert "# stage 2: backwards (one stream)" in said
    assert not Path(path.parent / "run").exists()
