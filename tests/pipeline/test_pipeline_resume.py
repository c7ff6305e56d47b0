"""Going on where a run stopped, and refusing to mix two runs."""

import subprocess
import sys

import pytest

from data_engine.identity import claimed
from data_engine.run import run
from data_engine.shards import Shards
from facellm.core.errors import FaceLLMError

NUMBERS = {"use": "pipeline_parts:Numbers"}
SIEVE = {"use": "pipeline_parts:Sieve", "by": 7}
FRAGILE = {"use": "pipeline_parts:Fragile"}
BACKWARDS = {"use": "pipeline_parts:Backwards"}
TALK = {"use": "pipeline_parts:Talk"}


@pytest.fixture
def stopped(recipe, tmp_path, monkeypatch):
    """A run that stopped in its second stage because something was missing, put right now."""
    switch = tmp_path / "ready"
    monkeypatch.setenv("FRAGILE_UNTIL", str(switch))
    path = recipe(steps=[SIEVE, BACKWARDS, FRAGILE, TALK])
    with pytest.raises(FaceLLMError, match="not ready"):
        run(path)
    switch.touch()
    return path


def test_a_stopped_run_goes_on_and_ends_as_if_nothing_had_happened(stopped, results, tmp_path):
    assert len(list((tmp_path / "run" / "work").glob("*/*.done"))) > 8
    whole = run(stopped, [f"output_dir={tmp_path}/whole"])
    again = run(stopped)
    assert results(again) == results(whole)


def test_finished_shards_are_not_done_again(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("FRAGILE_UNTIL", str(tmp_path / "ready"))
    log = tmp_path / "log"
    monkeypatch.setenv("FRAGILE_LOG", str(log))
    path = recipe(steps=[FRAGILE])
    with pytest.raises(FaceLLMError, match="not ready"):
        run(path)
    first = log.read_text().split()
    assert first == [f"s{n}" for n in range(10)]
    (tmp_path / "ready").touch()
    run(path)
    second = log.read_text().split()[len(first) :]
    assert second == [f"s{n}" for n in range(8, 20)]  # shards of 4: two were finished


def test_a_finished_run_is_not_run_again(go, recipe, monkeypatch):
    folder = go(steps=[TALK])
    before = (folder / "rows.jsonl").stat()
    monkeypatch.setattr("data_engine.run._compute", None)
    assert go(steps=[TALK]) == folder
    assert (folder / "rows.jsonl").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("steps.0.by=5", "steps.0.by was 7 and is 5"),
        ("seed=3", "steps.3.seed was 0 and is 3"),
        ("limit=3", "limit was null and is 3"),
        ("shard_size=5", "shard_size was 4 and is 5"),
        ("source.count=30", "sources.0.count was 20 and is 30"),
        ("steps=[{use: pipeline_parts:Talk}]", r"steps was \["),
    ],
)
def test_a_changed_recipe_is_refused_and_the_change_named(stopped, override, message):
    with pytest.raises(FaceLLMError, match=message) as caught:
        run(stopped, [override])
    assert "\n" not in str(caught.value) and "choose another output_dir" in str(caught.value)


def test_a_recipe_that_came_to_nothing_may_be_mended(recipe, ids):
    path = recipe(source={**NUMBERS, "fails_at": 0})
    with pytest.raises(FaceLLMError, match="failed after 0 items"):
        run(path)
    assert len(ids(run(path, ["source.fails_at=null"]) / "samples.jsonl")) == 20


def test_other_versions_are_a_change(stopped, monkeypatch):
    monkeypatch.setattr("data_engine.identity._version", lambda name: "99")
    with pytest.raises(FaceLLMError, match=r"versions\.facellm was .* and is \"99\""):
        run(stopped)


def test_how_it_is_run_is_no_change(stopped, results, tmp_path):
    assert results(run(stopped, ["workers=2"]))


def test_a_source_that_gives_something_else_on_resume_is_noticed(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("SHIFTING_BY", "0")
    path = recipe(source={"use": "pipeline_parts:Shifting", "fails_at": 9}, steps=[SIEVE])
    with pytest.raises(FaceLLMError, match="source numbers failed after 9"):
        run(path)
    with pytest.raises(FaceLLMError, match="source numbers failed after 9"):
        run(path)  # the same again is no difference
    monkeypatch.setenv("SHIFTING_BY", "100")
    with pytest.raises(FaceLLMError, match=r"source gives other items than before .* item 1 on"):
        run(path)


def test_a_source_is_not_read_again_once_it_was_read(stopped, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline_parts.Numbers.read", None)
    assert len((run(stopped) / "rows.jsonl").read_text().splitlines()) == 34


def test_what_a_killed_run_left_half_written_is_removed(stopped, tmp_path):
    half = tmp_path / "run" / "work" / "0-source" / "000000.jsonl.1-1.part"
    half.write_text('{"id": "ha')
    work = Shards(tmp_path / "run" / "work" / "1-sieve")
    work.marker(1).unlink()  # as if killed between the files and the marker
    (work.folder / "all.done").unlink()
    run(stopped)
    assert not half.exists()


def test_two_runs_into_one_folder(stopped, tmp_path):
    code = (
        "from pathlib import Path; from data_engine.identity import claimed\n"
        f"with claimed(Path({str(tmp_path / 'run')!r})): print('in', flush=True); input()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as other:
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(FaceLLMError, match=rf"another run \(process {other.pid}\) works in"):
            run(stopped)
        other.kill()
    run(stopped)  # a dead process holds nothing


def test_a_folder_with_somebody_elses_corpus_is_left_alone(recipe, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "samples.jsonl").write_text("mine\n")
    with pytest.raises(FaceLLMError, match=r"holds a samples.jsonl of which"):
        run(recipe())
    assert (tmp_path / "run" / "samples.jsonl").read_text() == "mine\n"


def test_a_full_disk_stops_at_once_and_the_run_resumes(recipe, results, tmp_path, monkeypatch):
    path = recipe(steps=[TALK])
    whole = run(path, [f"output_dir={tmp_path}/whole"])
    calls = []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == 12:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fsync)
        with pytest.raises(FaceLLMError, match="no space left on the disk of"):
            run(path)
    assert list((tmp_path / "run" / "work").glob("*/*.done"))
    assert results(run(path)) == results(whole)


def test_a_damaged_shard_is_named(stopped, tmp_path):
    shard = tmp_path / "run" / "work" / "2-backwards" / "000002.jsonl"
    shard.write_text(shard.read_text()[:-20])
    with pytest.raises(FaceLLMError, match=r"000002.jsonl:\d is not an item"):
        run(stopped)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"steps": [{"use": "wriet"}]}, "'wriet' is not a step; expected module:Class or one of"),
        ({"steps": [{"use": "nowhere:Step"}]}, "cannot load the step 'nowhere:Step': No module"),
        ({"steps": [{"use": "pathlib:Path"}]}, "'pathlib:Path' is not a step"),
        ({"steps": [{"by": 3}]}, r"steps.0 is .* expected use: NAME"),
        ({"steps": [{**SIEVE, "bye": 3}]}, "no option 'bye' .did you mean by.*; expected"),
        ({"steps": [{**SIEVE, "by": "x"}]}, r"steps.0 \(pipeline_parts:Sieve\): by: Input should"),
        ({"source": {"use": "lfw"}}, "'lfw' is not a source"),
        ({"source": {**NUMBERS, "path": "no/such"}}, "no/such does not exist"),
        ({"sources": []}, "sources: List should have at least 1 item"),
        ({"source": NUMBERS, "sources": [NUMBERS]}, "either source or sources, not both"),
        ({"executor": "slurm"}, "executor: Input should be 'local' or 'ray'"),
        ({"workers": 0}, "workers: Input should be greater"),
        ({"worker": 2}, r"recipe \S+: no option 'worker' .did you mean workers\?.; expected"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_mistakes_in_a_recipe_are_one_line_before_anything_is_written(
    recipe, tmp_path, keys, message, dry_run
):
    path = recipe(**keys)
    with pytest.raises(FaceLLMError, match=message) as caught:
        run(path, dry_run=dry_run)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made(recipe, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FaceLLMError, match="cannot make"):
        run(recipe(), [f"output_dir={tmp_path}/file/run"])


def test_the_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), claimed(tmp_path):
        raise RuntimeError
    with claimed(tmp_path):
        pass


@pytest.mark.parametrize("several", [False, True])
def test_another_server_or_pace_is_the_same_run(go, several):
    """A server that comes back under another address must not cost what it has answered."""

    def teach(more, **options):
        teacher = {"kind": "templates", **more}
        made = {"teacher": [teacher, teacher] if several else teacher, "judge": teacher, **options}
        return [{"use": "teach", "writers": ["caption"], **made}]

    folder = go(steps=teach({"base_url": "http://a/v1"}))
    moved = {"base_url": "http://b/v1", "timeout": 5, "max_retries": 0, "price_in": 1.5}
    assert go(steps=teach(moved, concurrency=2, cache=str(folder / "calls"))) == folder
    with pytest.raises(FaceLLMError, match=r"steps\.0\.teacher\.(0\.)?temperature was 0\.7 and is"):
        go(steps=teach({"temperature": 0.1}))
    with pytest.raises(FaceLLMError, match=r"steps\.0\.repairs was 2 and is 1"):
        go(steps=teach({}, repairs=1))
