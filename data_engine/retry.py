"""Ask again where a teacher gave no answer: `facellm data RECIPE retry=true`.

A row is rejected as `teacher:timeout`, `teacher:html` and so on where the fault was the server's.
A run that has such rejects keeps its `work` folder, and this goes back to them:

    rows and rejects of a shard ─┬─ whose call failed ─▶ their drafts ─▶ teach ─▶ later steps ─┐
                                 └─ all others, as they are ─▶ the same shard anew ◀───────────┘

Rows that were finished are copied and nothing else is asked for, so that every row is there once,
and in the order of a run whose server never failed. A retry that is killed is no harm: a shard is
replaced whole, or computed again from the cache of calls.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import PrivateAttr

from data_engine.assemble import read_report
from data_engine.plan import Stage
from data_engine.row import Row
from data_engine.shards import Shards, ShardWriter, StepCount, read_items
from data_engine.stage import Tally, apply, finished
from data_engine.step import Item, Reject, Step
from data_engine.steps.teach import Teach
from data_engine.teachers.base import TRANSPORT
from data_engine.writers.base import Draft
from facellm.core.errors import FaceLLMError

Line = TypeVar("Line", bound=Item | Reject)


def unanswered(report: Mapping[str, Any]) -> dict[str, int]:
    """Reason → rows that a run lost because a server failed, by the run's report."""
    found: Counter[str] = Counter()
    for step in report["steps"]:
        found.update({why: n for why, n in step["rejects"].items() if _no_answer(why)})
    return dict(found)


def ask_again(folder: Path, stages: Sequence[Stage]) -> None:
    """Put what the teacher answers now in the places of the rejects in a run's work folder.

    Afterwards the run counts as unfinished: what depends on these rows has to be computed.

    Raises:
        FaceLLMError: the work folder is gone, or what the teacher step raises.
    """
    report = read_report(folder)
    lost = report is not None and unanswered(report)
    for stage in stages:
        if not (stage.steps and isinstance(stage.steps[0], Teach)):
            continue
        target = stage.shards(folder)
        numbers = [number for number in _done(target) if _lost(target, number)]
        if not numbers:
            continue
        (folder / "report.json").unlink(missing_ok=True)
        for later in stages[stage.number + 1 :]:
            shutil.rmtree(later.shards(folder).folder, ignore_errors=True)
        (target.folder / "all.done").unlink(missing_ok=True)
        source = stages[stage.number - 1].shards(folder)
        asked = sum(_redo(stage.steps, source, target, number, folder) for number in numbers)
        print(f"asked again for {asked} rows", file=sys.stderr)
        return
    if lost:
        raise FaceLLMError(
            f"cannot retry: {folder / 'work'} is gone; delete {folder / 'report.json'} to compute "
            "the run again, in which calls that were answered come from the cache"
        )


def _no_answer(reason: str) -> bool:
    who, _, why = reason.partition(":")
    return who in ("teacher", "judge") and why in TRANSPORT


def _done(shards: Shards) -> list[int]:
    return sorted(int(path.stem) for path in shards.folder.glob("[0-9]*.done"))


def _lost(shards: Shards, number: int) -> bool:
    return any(map(_no_answer, finished(shards, number).steps[0].rejects))


class _Again(Teach):
    """The teach step for some drafts of a shard; remembers the places of all."""

    _wanted: Counter[str] = PrivateAttr(default_factory=Counter)
    _places: dict[str, list[int]] = PrivateAttr(default_factory=dict)

    def _drafts(self, items: Iterable[Item]) -> Iterator[Draft | Row | Reject]:
        for place, one in enumerate(super()._drafts(items)):
            name = one.row_id if isinstance(one, Draft) else _name(one)
            self._places.setdefault(name, []).append(place)
            if self._wanted[name]:
                self._wanted[name] -= 1
                yield one


def _redo(steps: Sequence[Step], source: Shards, target: Shards, number: int, folder: Path) -> int:
    """Replace one shard; returns for how many rows was asked."""
    teach, *after = steps
    before = finished(target, number)
    rejects = list(_rejects(target.rejects(number)))
    lost = [reject for reject in rejects if _no_answer(reject.reason)]
    again = _Again(**{name: getattr(teach, name) for name in Teach.model_fields})
    again._wanted.update(reject.item_id for reject in lost)
    tallies = [Tally(step.name) for step in steps]
    refused: list[Reject] = []
    items: Iterable[Item] = read_items(source.items(number))
    for step, tally in zip((again, *after), tallies, strict=True):
        items = _kept(apply(step, items, folder, tally), refused)
    given = list(items)
    refused = [*(reject for reject in rejects if not _no_answer(reject.reason)), *refused]
    writer = ShardWriter(target, number)
    try:
        for item in _in_order([*read_items(target.items(number)), *given], again._places):
            writer.add(item)
        for reject in _in_order(refused, again._places):
            writer.add(reject)
        counts = [tally.take() for tally in tallies]
        # The shard is marked as unfinished while its files are replaced.
        target.marker(number).unlink()
        writer.commit(writer.done(_sum(before.steps, counts, lost)))
    except BaseException:
        writer.discard()
        raise
    return len(lost)


def _rejects(path: Path) -> list[Reject]:
    return [Reject.model_validate_json(line) for line in path.open(encoding="utf-8")]


def _name(one: Item | Reject) -> str:
    return one.item_id if isinstance(one, Reject) else one.id


def _kept(outputs: Iterable[Item | Reject], refused: list[Reject]) -> Iterator[Item]:
    for output in outputs:
        if isinstance(output, Reject):
            refused.append(output)
        else:
            yield output


def _in_order(records: Sequence[Line], places: Mapping[str, Sequence[int]]) -> list[Line]:
    """Sort by the place of the draft; what a later step made of a row stays behind that row."""
    seen: Counter[str] = Counter()
    last, keyed = 0, []
    for record in records:
        name = _name(record)
        if name in places:
            last = places[name][min(seen[name], len(places[name]) - 1)]  # copies, one by one
            seen[name] += 1
        keyed.append((last, record))
    return [record for _, record in sorted(keyed, key=lambda pair: pair[0])]


def _sum(
    before: Sequence[StepCount], again: Sequence[StepCount], lost: Sequence[Reject]
) -> list[StepCount]:
    """The counts of a shard as if its calls had not failed; the drafts of it are taken once."""
    gone = Counter(reject.reason for reject in lost)
    sums = []
    for n, (old, new) in enumerate(zip(before, again, strict=True)):
        rejects = Counter(old.rejects) - (gone if n == 0 else Counter()) + Counter(new.rejects)
        counts = {
            "taken": old.taken + (new.taken if n else 0),
            "given": old.given + new.given,
            "rejects": dict(sorted(rejects.items())),
        }
        sums.append(old.model_copy(update=counts))
    return sums
