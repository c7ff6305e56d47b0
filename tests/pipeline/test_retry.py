"""`retry=true`: what a server did not answer is asked again, and nothing else is touched."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from data_engine.run import run
from facellm.core.errors import FaceLLMError

sys.path.insert(0, str(Path(__file__).parents[1] / "teachers"))
from fake_server import FakeServer

pytest.importorskip("aiohttp")
pytest.importorskip("uvicorn")
pytestmark = pytest.mark.slow
ITEMS = 24
SERVER = ("teacher:html", "teacher:server_error", "teacher:timeout")


@pytest.fixture(scope="module")
def sound():
    with FakeServer() as server:
        yield server


@pytest.fixture(scope="module")
def faulty():
    with FakeServer(faulty=True) as server:
        yield server


def steps(after):
    teacher = {"model": "fake", "max_retries": 0}
    teach = {"use": "teach", "writers": ["caption"], "concurrency": 8, "teacher": teacher}
    return [teach, *after]


def at(server):
    """The server, waited for so long that only what hangs by design is ever late."""
    teacher = "steps.0.teacher"
    return [f"{teacher}.base_url={server.url}", f"{teacher}.timeout={3 if server.faulty else 60}"]


@pytest.fixture(params=["verify", "whole"])
def path(request, recipe):
    """A recipe in which the faces whose unit does not act fail verification."""
    after = [{"use": "verify"}]
    if request.param == "whole":
        after.append({"use": "pipeline_parts:Backwards"})
    return recipe(source={"use": "pipeline_parts:Numbers", "count": ITEMS}, steps=steps(after))


def lines(folder, name):
    return (folder / name).read_text().splitlines()


def reasons(folder):
    return Counter(json.loads(line)["reason"] for line in lines(folder, "rejects/teach.jsonl"))


def test_a_retry_ends_as_if_the_server_had_never_failed(path, sound, faulty, results, tmp_path):
    whole = run(path, [f"output_dir={tmp_path}/whole", *at(sound)])
    folder = run(path, at(faulty))
    lost = reasons(folder)
    assert set(SERVER) <= set(lost) and "wrong_unit:AU12" in lost
    rows, asked = lines(folder, "rows.jsonl"), sound.counts()[0]
    assert rows and len(rows) < len(lines(whole, "rows.jsonl"))

    assert run(path, [*at(sound), "retry=true"]) == folder
    assert results(folder) == results(whole)
    assert set(rows) <= set(lines(folder, "rows.jsonl"))
    # Drafts that are answered now, and wrongly, are shown their errors twice.
    failed = sum(lost[reason] for reason in SERVER)
    assert failed <= sound.counts()[0] - asked <= 3 * failed
    assert not (folder / "work").exists()


def test_what_fails_again_stays_a_reject_and_can_be_tried_again(
    path, sound, faulty, results, tmp_path
):
    whole = run(path, [f"output_dir={tmp_path}/whole", *at(sound)])
    folder = run(path, at(faulty))
    before = results(folder)
    run(path, [*at(faulty), "retry=true"])
    assert results(folder) == before
    run(path, at(sound))  # without the word it is a finished run
    assert results(folder) == before and (folder / "work").is_dir()
    run(path, [*at(sound), "retry=true", "workers=2"])
    assert results(folder) == results(whole)


def test_a_retry_that_is_interrupted_loses_nothing(
    path, sound, faulty, results, tmp_path, monkeypatch
):
    whole = run(path, [f"output_dir={tmp_path}/whole", *at(sound)])
    folder = run(path, at(faulty))
    with monkeypatch.context() as patch:
        commits = []

        def killed(self, done):
            commits.append(done)
            if len(commits) == 2:
                raise KeyboardInterrupt
            return commit(self, done)

        from data_engine.shards import ShardWriter

        commit = ShardWriter.commit
        patch.setattr(ShardWriter, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            run(path, [*at(sound), "retry=true"])
    run(path, at(faulty))  # goes on; what it lost before, it may lose again
    assert lines(folder, "rows.jsonl")
    run(path, [*at(sound), "retry=true"])
    assert results(folder) == results(whole)


def test_nothing_to_retry_and_no_work_to_go_back_to(
    recipe, sound, faulty, results, tmp_path, capsys
):
    path = recipe(source={"use": "pipeline_parts:Numbers", "count": ITEMS}, steps=steps([]))
    folder = run(path, [*at(sound), "retry=true"])
    before = results(folder)
    run(path, [*at(sound), "retry=true"])
    assert results(folder) == before and "got no answer" not in capsys.readouterr().err

    folder = run(path, [f"output_dir={tmp_path}/other", *at(faulty)])
    told = capsys.readouterr().err
    assert "rows (" in told and "teacher:html" in told and "retry=true asks again" in told
    (folder / "work").rename(tmp_path / "moved")
    with pytest.raises(FaceLLMError, match=r"cannot retry: .*work is gone; delete .*report\.json"):
        run(path, [f"output_dir={folder}", *at(sound), "retry=true"])
    (folder / "report.json").unlink()
    assert results(run(path, [f"output_dir={folder}", *at(sound)])) == before
