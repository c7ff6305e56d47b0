"""How good the verification is: recall of each corruption, precision, whether reasons fit."""

from collections.abc import Iterable, Sequence

import numpy as np

from data_engine.verify.check import verify
from data_engine.verify.claims import Policy
from data_engine.verify.corrupt import KINDS, Case
from facellm.core.sample import Record
from facellm.core.statistics import Interval, Rows, by_subject, cluster_bootstrap, mean


class Line(Record):
    """One line of the table. Intervals are 95 %, clustered by face; all equal gives no width."""

    form: str
    kind: str
    n: int
    rejected: Interval
    """Share of the texts that are rejected: recall, or for `clean` the false alarms."""
    precision: Interval | None
    """Share of corrupted ones among the rejected, this kind and as many clean texts; None for
    clean itself."""
    named: Interval | None
    """Share of the texts whose rejection names this kind of error among its reasons."""


def judge(cases: Iterable[Case], policy: Policy | None = None) -> list[Line]:
    """Verify every case and sum up by form and kind."""
    seen: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
    for case in cases:
        problems = verify(case.text, [case.labels], policy=policy or Policy()).problems
        named = any(problem.kind.partition(":")[0] == case.kind for problem in problems)
        outcome = (case.face, float(bool(problems)), float(named))
        seen.setdefault((case.form, case.kind), []).append(outcome)
    forms = dict.fromkeys(form for form, _ in seen)
    return [
        _line(form, kind, seen[form, kind], seen.get((form, "clean"), []))
        for form in forms
        for kind in KINDS
        if (form, kind) in seen
    ]


def _line(
    form: str,
    kind: str,
    outcomes: Sequence[tuple[str, float, float]],
    clean: Sequence[tuple[str, float, float]],
) -> Line:
    faces = [face for face, _, _ in outcomes]
    rejected = cluster_bootstrap(by_subject(faces, [r for _, r, _ in outcomes]), mean)
    if kind == "clean":
        return Line(form=form, kind=kind, n=len(outcomes), rejected=rejected, precision=None,
                    named=None)  # fmt: skip
    named = cluster_bootstrap(by_subject(faces, [hit for _, _, hit in outcomes]), mean)
    # Corrupted and clean texts are weighed as if there were as many of both.
    rows = [(1.0, r) for _, r, _ in outcomes] + [(0.0, r) for _, r, _ in clean]
    both = by_subject(faces + [face for face, _, _ in clean], rows)
    return Line(
        form=form,
        kind=kind,
        n=len(outcomes),
        rejected=rejected,
        precision=cluster_bootstrap(both, _precision),
        named=named,
    )


def _precision(rows: Rows) -> float:
    corrupted = rows[:, 0] == 1
    if not corrupted.any() or corrupted.all():
        return float("nan")
    hits, alarms = float(rows[corrupted, 1].mean()), float(rows[~corrupted, 1].mean())
    return hits / (hits + alarms) if hits + alarms else float(np.nan)


def as_markdown(lines: Sequence[Line]) -> str:
    """The table as people read it."""
    table = [
        "| form | corruption | n | rejected | precision | reason named |",
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        cells = [_cell(line.rejected), _cell(line.precision), _cell(line.named)]
        table.append(f"| {line.form} | {line.kind} | {line.n} | {' | '.join(cells)} |")
    return "\n".join(table)


def _cell(interval: Interval | None) -> str:
    return "" if interval is None else str(interval).partition(" (n=")[0]
