"""Two runs of one recipe side by side, such as a teacher's texts and the templates' on equal faces.

    python -m data_engine.compare BASELINE RUN

Says of each run how many rows were accepted at once, after repairs and not at all, for which
reasons, and what the teacher was paid; then how varied the answers of both are. A row has the same
id whoever words it, so only rows that are in both are measured: the same faces, the same questions.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from data_engine.diversity import Diversity, SeededSample, diversity
from data_engine.row import Row
from data_engine.shards import StepCount
from data_engine.steps.write import NO_LABELS
from data_engine.teachers.cache import CallCache
from data_engine.teachers.options import default_cache
from facellm.core.errors import FaceLLMError, one_line

_WRITERS = ("write", "teach")
"""Steps that make rows of samples: what they and later ones reject are rows."""
_SAID_WHOLE = ("teacher", "judge")
"""Kinds of reasons whose specifics are worth a line each."""
TEMPLATES = "templates"
ALL = "all"


class Outcome(NamedTuple):
    """What became of the rows that one run was asked for."""

    name: str
    teachers: tuple[str, ...]
    at_once: int
    repaired: int
    """Accepted at a later attempt."""
    rejects: dict[str, int]
    """By kind of reason."""
    paid: tuple[int, int, int]
    """Calls, prompt tokens and completion tokens of all calls ever answered for the run."""

    @property
    def asked(self) -> int:
        """All rows."""
        return self.at_once + self.repaired + sum(self.rejects.values())


def outcome(folder: Path) -> Outcome:
    """Count what became of the rows of a finished run.

    Raises:
        FaceLLMError: no finished run, or one without rows.
    """
    teachers: dict[str, None] = {}
    at_once = repaired = 0
    for row in _rows(folder):
        teachers[row.making.teacher] = None
        repaired += row.making.attempts > 1
        at_once += row.making.attempts == 1
    paid = [0, 0, 0]
    if default_cache(folder).is_file():
        cache = CallCache(default_cache(folder))
        paid = [sum(counts[n] for counts in cache.totals().values()) for n in range(3)]
        cache.close()
    return Outcome(
        name=folder.name,
        teachers=tuple(sorted(teachers)),
        at_once=at_once,
        repaired=repaired,
        rejects=_rejected(folder),
        paid=(paid[0], paid[1], paid[2]),
    )


def varied(baseline: Path, other: Path, size: int = 5000) -> dict[str, tuple[Diversity, Diversity]]:
    """Diversity of the answers to the same questions, by writer and, under `ALL`, of all.

    Args:
        baseline: folder of a run, such as one worded by templates.
        other: folder of a run; its rows that a teacher left to the templates are passed over.
        size: answers at most, drawn by the rows' ids: the same rows of both runs.

    Raises:
        FaceLLMError: the runs have no row in common.
    """
    worded = {row.id for row in _rows(other) if row.making.teacher != TEMPLATES}
    common = {row.id for row in _rows(baseline)} & worded
    if not common:
        raise FaceLLMError(
            f"{baseline} and {other} have no row in common; expected two runs of one recipe, the "
            "second worded by a teacher"
        )
    texts = [_answers(folder, common, size) for folder in (baseline, other)]
    return {
        writer: (diversity(texts[0][writer].values()), diversity(texts[1][writer].values()))
        for writer in sorted(texts[0], key=lambda writer: (writer == ALL, writer))
    }


def _answers(folder: Path, ids: set[str], size: int) -> dict[str, SeededSample[str]]:
    from data_engine.export.census import answers

    samples: dict[str, SeededSample[str]] = {}
    for row in _rows(folder):
        if row.id in ids:
            for writer in (row.making.writer, ALL):
                sample = samples.setdefault(writer, SeededSample(size))
                for number, text in enumerate(answers(row)):
                    sample.add(f"{row.id}/{number}", text)
    return samples


def _rows(folder: Path) -> Iterator[Row]:
    from data_engine.export.finished_run import rows_file, rows_of

    return rows_of(rows_file(folder))


def _rejected(folder: Path) -> dict[str, int]:
    from data_engine.export.finished_run import steps_of

    steps: list[StepCount] = steps_of(folder)
    first = next((n for n, step in enumerate(steps) if step.step in _WRITERS), len(steps))
    counts: Counter[str] = Counter()
    for step in steps[first:]:
        for reason, number in step.rejects.items():
            kind = reason.partition(":")[0]
            if reason != NO_LABELS:  # of an item of which nothing was asked
                counts[reason if kind in _SAID_WHOLE else kind] += number
    return dict(counts.most_common())


def tables(
    outcomes: tuple[Outcome, Outcome], texts: Mapping[str, tuple[Diversity, Diversity]]
) -> str:
    """Everything as text for a person."""
    lines = [_line("", *(run.name for run in outcomes))]
    lines.append(_line("worded by", *(", ".join(run.teachers) for run in outcomes)))
    lines.append(_line("rows asked for", *(f"{run.asked}" for run in outcomes)))
    for name in ("at_once", "repaired"):
        words = f"accepted {name.replace('_', ' ')}".replace("repaired", "after repairs")
        lines.append(_line(words, *(_share(getattr(run, name), run) for run in outcomes)))
    lost = [sum(run.rejects.values()) for run in outcomes]
    lines.append(_line("rejected", *map(_share, lost, outcomes)))
    for reason in dict.fromkeys(reason for run in outcomes for reason in run.rejects):
        counts = (_share(run.rejects.get(reason, 0), run) for run in outcomes)
        lines.append(_line(f"  {reason}", *counts))
    for n, name in enumerate(("calls answered", "prompt tokens", "completion tokens")):
        lines.append(_line(name, *(f"{run.paid[n]}" for run in outcomes)))
    heads = ("answers", "distinct-1", "distinct-2", "distinct-3", "self-BLEU", "words", "repeated")
    lines += ["", "the rows that both have", _wide("", *heads)]
    for writer, pair in texts.items():
        for run, found in zip(outcomes, pair, strict=True):
            lines.append(_wide(f"{writer}, {run.name}", *_numbers(found)))
    return "\n".join(lines)


def _share(count: int, run: Outcome) -> str:
    return f"{count} ({count / run.asked:.0%})"


def _numbers(found: Diversity) -> Iterator[str]:
    yield f"{found.n}"
    for ratio in (found.distinct_1, found.distinct_2, found.distinct_3):
        yield "–" if ratio is None else f"{ratio:.3f}"
    yield "–" if found.self_bleu is None else f"{found.self_bleu:.1f} ({found.self_bleu_n})"
    yield f"{found.mean_words:.1f}"
    yield f"{found.duplicates:.0%}"


def _line(head: str, *cells: str) -> str:
    return f"{head:28}" + "".join(f" {cell:>24}" for cell in cells)


def _wide(head: str, *cells: str) -> str:
    return f"{head:34}" + "".join(f" {cell:>11}" for cell in cells)


def main(
    baseline: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    run: Annotated[Path, typer.Argument(help="Another one of the same recipe.")],
) -> None:
    """Compare two finished runs of one recipe that differ in who words the answers."""
    with one_line("compare"):
        typer.echo(tables((outcome(baseline), outcome(run)), varied(baseline, run)))


if __name__ == "__main__":
    typer.run(main)
