"""The end of a run: its shards become the files of a corpus, its markers a report.

samples.jsonl, clips.jsonl, rows.jsonl    what the last stage gave, in order
rejects/verify.jsonl                      what a step took out, with reasons
report.json                               counts by step and reason; written last
"""

import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from data_engine.shards import (
    KINDS,
    SOURCE,
    Kind,
    Shards,
    StepCount,
    kind_of_line,
    lumped,
    write_whole,
)
from data_engine.stage import finished, room_on_disk


def assemble(folder: Path, stages: Sequence[Shards], about: int | None = None) -> dict[str, Any]:
    """Write the corpus and its report; returns the report.

    Args:
        folder: the run's folder.
        stages: complete stages, the source first.
        about: the stage whose samples and clips the rows are about, if any.

    Raises:
        FaceLLMError: the disk is full; another start finishes the work.
    """
    with room_on_disk(folder):
        items = _join(folder, stages[-1], KINDS)
        if about is not None:
            missing: list[Kind] = [k for k in KINDS if k != "rows" and k not in items]
            items |= _join(folder, stages[about], missing)
        _join_rejects(folder, stages)
        steps = [
            count.model_copy(update={"rejects": lumped(count.rejects)}).model_dump()
            for shards in stages
            for count in _sums(shards)
        ]
        report = {"items": items, "steps": steps}
        write_whole(folder / "report.json", json.dumps(report, indent=1) + "\n")
    return report


def read_report(folder: Path) -> dict[str, Any] | None:
    """The report of a finished run; None where it is not finished."""
    path = folder / "report.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def table(report: dict[str, Any]) -> str:
    """The report for a person: a line a step, its reasons below it."""
    lines = [f"{'step':24} {'taken':>9} {'given':>9} {'rejected':>9}"]
    for step in report["steps"]:
        taken = "–" if step["step"] == SOURCE else step["taken"]
        rejected = sum(step["rejects"].values())
        lines.append(f"{step['step']:24} {taken:>9} {step['given']:9} {rejected:9}")
        reasons = sorted(step["rejects"].items(), key=lambda reason: -reason[1])
        lines += [f"  {reason:42} {count:9}" for reason, count in reasons]
    return "\n".join(lines)


def _join(folder: Path, shards: Shards, kinds: Collection[Kind]) -> dict[str, int]:
    """Sort the lines of a stage into a file for each of these kinds; returns their counts."""
    counts: dict[str, int] = {}
    with ExitStack() as open_files:
        files: dict[Kind, IO[str]] = {}
        for shard in range(shards.count() or 0):
            for line in _lines(shards.items(shard)):
                kind = kind_of_line(line)
                if kind not in kinds:
                    continue
                if kind not in files:
                    part = folder / f"{kind}.jsonl.part"
                    files[kind] = open_files.enter_context(part.open("w", encoding="utf-8"))
                files[kind].write(line)
                counts[kind] = counts.get(kind, 0) + 1
    for kind in files:
        (folder / f"{kind}.jsonl.part").replace(folder / f"{kind}.jsonl")
    return counts


def _join_rejects(folder: Path, stages: Sequence[Shards]) -> None:
    part = folder / "rejects.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for shards in stages:
        for shard in range(shards.count() or 0):
            with ExitStack() as open_files:
                files: dict[str, IO[str]] = {}
                for line in _lines(shards.rejects(shard)):
                    name = json.loads(line)["step"].replace(":", "-").replace("/", "-")
                    if name not in files:
                        path = part / f"{name}.jsonl"
                        files[name] = open_files.enter_context(path.open("a", encoding="utf-8"))
                    files[name].write(line)
    shutil.rmtree(folder / "rejects", ignore_errors=True)
    part.replace(folder / "rejects")


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        yield from lines


def _sums(shards: Shards) -> list[StepCount]:
    """The counts of each step of a stage over all its shards."""
    sums: list[StepCount] = []
    for number in range(shards.count() or 0):
        steps = finished(shards, number).steps
        sums = [_add(*both) for both in zip(sums, steps, strict=True)] if sums else steps
    return sums


def _add(first: StepCount, second: StepCount) -> StepCount:
    reasons = {*first.rejects, *second.rejects}
    return StepCount(
        step=first.step,
        taken=first.taken + second.taken,
        given=first.given + second.given,
        rejects={
            reason: first.rejects.get(reason, 0) + second.rejects.get(reason, 0)
            for reason in sorted(reasons)
        },
    )
