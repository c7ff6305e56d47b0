"""Exporting the folder of a run."""

import json
from pathlib import Path

import pytest
from little_corpora import MakeRow
from PIL import Image

from data_engine.export import export
from data_engine.export.finished_run import boxes_of
from data_engine.shards import StepCount, to_line
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face, Provenance, Sample, write_samples


@pytest.fixture
def run(tmp_path: Path, make_row: MakeRow) -> Path:
    """A finished run of three rows about three samples."""
    rows = [make_row(n) for n in range(3)]
    (tmp_path / "rows.jsonl").write_text("".join(map(to_line, rows)))
    (tmp_path / "rejects").mkdir()
    reject = Reject(item_id="r9", step="verify", reason="contradiction:AU4", detail="AU4 is 0",
                    item={"id": "r9"})  # fmt: skip
    (tmp_path / "rejects" / "verify.jsonl").write_text(to_line(reject))
    step = StepCount(step="verify", taken=4, given=3, rejects={"contradiction:AU4": 1})
    (tmp_path / "report.json").write_text(json.dumps({"steps": [step.model_dump()]}))
    where = Provenance(source="s", licence="l", subject_id="p")
    write_samples(tmp_path / "samples.jsonl", [
        Sample(id=f"sample{n}", image=f"{n}.jpg", provenance=where,
               faces=[Face(box=(2, 2, 9 + n, 9))]) for n in range(3)
    ])  # fmt: skip
    return tmp_path


def test_a_run_becomes_a_corpus(run: Path) -> None:
    done = export(run, {"forms": ["chat"], "name": "three"})
    assert done.out == run / "export" and done.rows == {"train": 3}
    card = (done.out / "README.md").read_text()
    assert "# three" in card and "| verify | 4 | 3 | 1 |" in card
    assert "| verify | contradiction:AU4 | 1 | AU4 is 0 |" in card
    assert not (done.out / "sharegpt").exists()
    # The boxes of the samples are drawn: the gallery has their colour, which no picture has.
    with Image.open(done.out / "gallery.png") as gallery:
        colours = {colour for _, colour in gallery.getcolors(1 << 24) or ()}
    assert (255, 196, 0) in colours


def test_boxes_are_found_by_id(run: Path) -> None:
    known = boxes_of(run / "samples.jsonl", ["sample1", "unknown"])
    assert known == {"sample1": [(2, 2, 10, 9)]}
    assert boxes_of(run / "none.jsonl", ["sample1"]) == {}


def test_the_same_export_is_not_made_twice(run: Path, make_row: MakeRow) -> None:
    first = export(run, {"gallery_rows": 0})
    made = (first.out / "export.json").stat().st_mtime_ns
    assert export(run, {"gallery_rows": 0}) == first
    assert (first.out / "export.json").stat().st_mtime_ns == made
    with pytest.raises(FaceLLMError, match="overwrite: true"):
        export(run, {"gallery_rows": 1})
    with (run / "rows.jsonl").open("a") as rows:
        rows.write(to_line(make_row(7)))
    with pytest.raises(FaceLLMError, match="overwrite: true"):
        export(run, {"gallery_rows": 0})
    assert export(run, {"gallery_rows": 0, "overwrite": True}).rows == {"train": 4}


def test_an_export_with_gaps_is_made_again(run: Path) -> None:
    picture = (run / "images" / "1.jpg").read_bytes()
    (run / "images" / "1.jpg").unlink()
    assert export(run, {"gallery_rows": 0}).failures == {"missing_file": 1}
    (run / "images" / "1.jpg").write_bytes(picture)
    done = export(run, {"gallery_rows": 0})
    assert done.rows == {"train": 3} and not done.failures


def test_a_baseline_run(run: Path) -> None:
    done = export(run, {"gallery_rows": 0, "baseline": str(run), "out": str(run / "other")})
    assert done.out == run / "other"
    assert "baseline corpus" in (done.out / "README.md").read_text()


def test_folders_that_are_no_finished_run(tmp_path: Path, run: Path) -> None:
    with pytest.raises(FaceLLMError, match="no finished run"):
        export(tmp_path / "images", {})
    with pytest.raises(FaceLLMError, match="no finished run"):
        export(run, {"baseline": str(tmp_path / "none")})
    (run / "rows.jsonl").unlink()
    with pytest.raises(FaceLLMError, match=r"gave no rows; most were rejected: .+ \(\d+\)"):
        export(run, {})
    report = json.loads((run / "report.json").read_text())
    bare = {**report, "steps": [{**step, "rejects": {}} for step in report["steps"]]}
    (run / "report.json").write_text(json.dumps(bare))
    with pytest.raises(FaceLLMError, match="gave no rows; expected a recipe with a step that"):
        export(run, {})


@pytest.mark.parametrize(
    "options, match",
    [
        ({"forms": ["arrow"]}, "export: forms.0"),
        ({"forms": []}, "export: forms"),
        ({"shards": 8}, "export: no option 'shards'"),
        ({"name": "../up"}, "export: name"),
    ],
)
def test_wrong_options(run: Path, options: dict[str, object], match: str) -> None:
    with pytest.raises(FaceLLMError, match=match):
        export(run, options)


def test_a_broken_line_is_named(run: Path) -> None:
    with (run / "rows.jsonl").open("a") as rows:
        rows.write('{"messages": 3}\n')
    with pytest.raises(FaceLLMError, match=r"rows\.jsonl:4"):
        export(run, {})
    assert not (run / "export").exists() and not (run / "export.part").exists()
