"""Export the folder of a finished run: where its rows, rejects, report and face boxes are."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_engine.export.corpus import Exported, export_rows
from data_engine.export.options import ExportOptions
from data_engine.export.place import MARKER
from data_engine.row import Row
from data_engine.shards import StepCount, read_items
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError
from facellm.core.recipe import check
from facellm.core.sample import Box, Sample


def export(folder: Path, options: ExportOptions | Mapping[str, Any]) -> Exported:
    """Export a finished run.

    An export that was made of the same rows with the same options is left as it is, so that a
    recipe can be run again; one that had to leave rows out is made again, because their pictures
    may be there now.

    Args:
        folder: the run's folder, with `rows.jsonl` and `report.json`.
        options: how; plain values, as in a recipe, are checked first.

    Raises:
        FaceLLMError: wrong options, a folder without a finished run or without rows, or what
            `export_rows` raises.
    """
    if not isinstance(options, ExportOptions):
        options = check(ExportOptions, dict(options), "export")
    rows = rows_file(folder)
    out = options.out or folder / "export"
    made_of = _made_of(rows, options)
    before = _read_json(out / MARKER)
    if before is not None and before.get("made_of") == made_of:
        done = Exported(out=out, **{key: before[key] for key in ("rows", "scorable", "failures")})
        if not done.failures.keys() - {"not_scorable"}:
            return done
        options = options.model_copy(update={"overwrite": True})
    return export_rows(
        rows_of(rows),
        folder,
        out,
        options,
        rejects=rejects_of(folder),
        baseline=None if options.baseline is None else rows_of(rows_file(options.baseline)),
        boxes=lambda ids: boxes_of(folder / "samples.jsonl", ids),
        steps=steps_of(folder),
        made_of=made_of,
    )


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a `rows.jsonl`, one at a time."""
    for item in read_items(path):
        assert isinstance(item, Row), "the engine sorts items into files by their kind"
        yield item


def rejects_of(folder: Path) -> Iterator[Reject]:
    """Everything a run took out, step by step, without the items themselves."""
    for path in sorted((folder / "rejects").glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield Reject.model_validate({**json.loads(line), "item": None})


def boxes_of(file: Path, ids: Sequence[str]) -> dict[str, list[Box]]:
    """Face boxes of the samples with these ids, as far as the file is there and has them."""
    wanted = set(ids)
    found: dict[str, list[Box]] = {}
    for sample in read_items(file) if file.is_file() else ():
        if isinstance(sample, Sample) and sample.id in wanted:
            found[sample.id] = [face.box for face in sample.faces]
            if len(found) == len(wanted):
                break
    return found


def rows_file(folder: Path) -> Path:
    """The rows of a finished run.

    Raises:
        FaceLLMError: no finished run, or one that gave no rows; with the commonest reasons.
    """
    path = folder / "rows.jsonl"
    if not (folder / "report.json").is_file():
        raise FaceLLMError(f"{folder} holds no finished run (no report.json); run its recipe first")
    if not path.is_file():
        rejects: Counter[str] = Counter()
        for step in steps_of(folder):
            rejects.update({f"{step.step} {reason}": n for reason, n in step.rejects.items()})
        why = ", ".join(f"{what} ({n})" for what, n in rejects.most_common(3))
        raise FaceLLMError(
            f"the run in {folder} gave no rows; "
            + (f"most were rejected: {why}; see its rejects" if why else
               "expected a recipe with a step that writes texts")
        )  # fmt: skip
    return path


def steps_of(folder: Path) -> list[StepCount]:
    """What the report of a finished run says of each step."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return [StepCount.model_validate(step) for step in report["steps"]]


def _made_of(rows: Path, options: ExportOptions) -> dict[str, Any]:
    """What an export depends on: the bytes of the rows, and the options but for places."""
    chosen = options.model_dump(mode="json", exclude={"out", "overwrite", "baseline"})
    made_of = {"rows_sha256": _sha256(rows), "options": chosen}
    if options.baseline is not None:
        made_of["baseline_sha256"] = _sha256(rows_file(options.baseline))
    return made_of


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
