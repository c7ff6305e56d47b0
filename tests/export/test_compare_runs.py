"""Two runs side by side: what was accepted, and how varied the texts about the same faces are."""

import json
from pathlib import Path

import pytest
from little_corpora import MakeRow, said

from data_engine.compare import ALL, outcome, tables, varied
from data_engine.row import Making
from data_engine.shards import StepCount, to_line
from data_engine.teachers.base import Completion
from data_engine.teachers.cache import CallCache
from data_engine.teachers.options import default_cache
from facellm.core.errors import FaceLLMError

CREATED = {"find_faces": {"no_face": 3}}
TAUGHT = {"wrong_unit:AU12": 2, "wrong_unit:AU4": 1, "teacher:html": 1, "teacher:timeout": 1}


def finished(folder: Path, rows, rejects) -> Path:
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("".join(map(to_line, rows)))
    steps = [
        StepCount(step=step, taken=9, given=4, rejects=counts) for step, counts in rejects.items()
    ]
    (folder / "report.json").write_text(json.dumps({"steps": [s.model_dump() for s in steps]}))
    return folder


@pytest.fixture
def runs(tmp_path: Path, make_row: MakeRow) -> tuple[Path, Path]:
    def row(n: int, teacher: str, text: str, attempts: int = 1):
        making = Making(writer="caption", teacher=teacher, attempts=attempts)
        return make_row(n, making=making, messages=[said("assistant", text)])

    template = [row(n, "templates", "the same old words") for n in range(5)]
    told = [
        row(1, "tiny", "one two three four"),
        row(2, "tiny", "five six seven eight", 2),
        row(3, "templates", "the same old words"),  # JSON: left as the template has it
        row(7, "tiny", "not in the other run"),
    ]
    baseline = finished(tmp_path / "plain", template, {**CREATED, "teach": {}})
    other = finished(
        tmp_path / "told", told,
        {**CREATED, "teach": {**TAUGHT, "no_labels_for_any_writer": 5}, "verify": {"hedge": 1}},
    )  # fmt: skip
    cache = CallCache(default_cache(other))
    for n in range(3):
        usage = {"prompt_tokens": 10, "completion_tokens": 4}
        cache.put(str(n), Completion(text="x", usage=usage, finish_reason="stop", model="tiny"))
    cache.close()
    return baseline, other


def test_what_became_of_the_rows(runs: tuple[Path, Path]) -> None:
    plain, told = map(outcome, runs)
    assert (plain.asked, plain.at_once, plain.repaired, plain.rejects) == (5, 5, 0, {})
    assert (told.at_once, told.repaired) == (3, 1)
    # Pictures without faces and items without labels are no rows that were asked for.
    assert told.rejects == {"wrong_unit": 3, "teacher:html": 1, "teacher:timeout": 1, "hedge": 1}
    assert told.asked == 10 and told.teachers == ("templates", "tiny")
    assert (plain.paid, told.paid) == ((0, 0, 0), (3, 30, 12))


def test_only_rows_that_both_have_and_a_teacher_worded_are_measured(
    runs: tuple[Path, Path],
) -> None:
    found = varied(*runs)
    assert list(found) == ["caption", ALL]
    plain, told = found[ALL]
    assert plain.n == told.n == 2
    # Rows 1 and 2: 4 different words of 8, said twice, against 8 of 8.
    assert (plain.distinct_1, told.distinct_1) == (0.5, 1.0)
    assert plain.self_bleu == pytest.approx(100) and told.self_bleu == 0
    assert (plain.duplicates, told.duplicates) == (0.5, 0)


def test_the_tables(runs: tuple[Path, Path]) -> None:
    text = tables((outcome(runs[0]), outcome(runs[1])), varied(*runs))
    assert "accepted after repairs                         0 (0%)                  1 (10%)" in text
    assert "wrong_unit" in text and "100.0 (2)" in text and max(map(len, text.splitlines())) < 120


def test_runs_that_cannot_be_compared(runs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(FaceLLMError, match="no row in common; expected two runs of one recipe"):
        varied(runs[1], runs[0])
    with pytest.raises(FaceLLMError, match="no finished run"):
        outcome(tmp_path)
