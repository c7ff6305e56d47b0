"""Is the reasoning true of the face, and does it hang together?

- hallucinated evidence: stated units that the face does not show;
- support: the stated units belong to the stated emotion;
- counterfactual faithfulness: of two pictures that differ in one action unit, the statement about
  that unit must change and the statements about all others must stay.

Everything is computed from answers that were asked for once, and clustered by subject.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from eval.pairs import Pair
from eval.question import MIRROR, Question
from facellm.core.evidence import strongest
from facellm.core.facs import PRESENT
from facellm.core.sample import FaceLabels
from facellm.core.statistics import Interval, cluster_mean
from facellm.tasks.action_units import ActionUnitsAnswer
from facellm.tasks.base import Scored
from facellm.tasks.reasoning import EVIDENCE_LIMIT, ReasoningAnswer, supporting

TOLERANCE = 1.0
"""A stated unit is made up where the face shows it below this intensity: not even a trace."""
SAME = 1.0
"""Statements about a unit that did not change may differ by this much, one FACS step."""


class PairResult(NamedTuple):
    """What a model says about two pictures that differ in one unit."""

    unit: int
    subject_id: str
    flipped: float
    """1 where the unit is called absent in the first and present in the second picture."""
    direction: float
    """1 where its stated intensity rises at all."""
    stayed: float
    """Share of the units that did not change whose stated intensity stays within a step."""


def evidence_metrics(
    questions: Sequence[Question], scored: Sequence[Scored[Any] | None]
) -> dict[str, Interval]:
    """Numbers of the `reasoning` task's evidence, each a mean over answers.

    `hallucinated`: share of the stated units that the labels know and put below `TOLERANCE`, over
    answers that state any. `missed`: share of the units present at 2 or more (the strongest six,
    as many as an answer may state) that are not stated. `intensity_off`: share of the true
    statements that are more than a step off. `supported`: share of answers whose stated units
    speak for the stated emotion, see `supported`. An answer that cannot be parsed states nothing
    and supports nothing.
    """
    rows: dict[str, list[tuple[str, float]]] = {
        "hallucinated": [], "missed": [], "intensity_off": [], "supported": [],
    }  # fmt: skip
    for question, one in zip(questions, scored, strict=True):
        if one is None:
            continue
        parsed = one.prediction
        labels = question.sample.faces[question.face - 1].labels
        stated = _stated(parsed)
        for name, value in _evidence_numbers(stated, labels).items():
            rows[name].append((question.subject_id, value))
        speaks = isinstance(parsed, ReasoningAnswer) and supported(parsed)
        rows["supported"].append((question.subject_id, float(speaks)))
    return {name: _mean(pairs) for name, pairs in rows.items()}


def supported(answer: ReasoningAnswer) -> bool:
    """Whether the stated units speak for the stated emotion.

    One of them must be a sign of it; for neutral, none may be stated above 2 (slight).
    """
    units = answer.thought.units if answer.thought is not None else {}
    if answer.emotion == "neutral":
        return not any((value or PRESENT) > PRESENT for value in units.values())
    return not supporting(answer.emotion).isdisjoint(units)


def _stated(parsed: object) -> dict[int, float | None]:
    if not isinstance(parsed, ReasoningAnswer) or parsed.thought is None:
        return {}
    return dict(parsed.thought.units)


def _evidence_numbers(stated: dict[int, float | None], labels: FaceLabels) -> dict[str, float]:
    known = labels.action_units or {}
    numbers = {}
    rated = {n: value for n, value in stated.items() if n in known}
    if rated:
        made_up = [n for n in rated if known[n] < TOLERANCE]
        numbers["hallucinated"] = len(made_up) / len(rated)
        graded = [n for n, value in rated.items() if value is not None and n not in made_up]
        if graded:
            off = [n for n in graded if abs((rated[n] or 0.0) - known[n]) > SAME + 0.5]
            numbers["intensity_off"] = len(off) / len(graded)
    present = strongest(known, EVIDENCE_LIMIT, PRESENT)
    if present:
        numbers["missed"] = sum(n not in stated for n in present) / len(present)
    return numbers


def counterfactual(
    pairs: Sequence[Pair],
    questions: Sequence[Question],
    scored: Sequence[Scored[Any] | None],
) -> list[PairResult]:
    """Compare the `action_units` answers to both pictures of every pair that was answered.

    Where one of the two cannot be parsed, nothing flipped and nothing stayed.
    """
    by_sample: dict[str, tuple[Question, Scored[Any]]] = {}
    for question, one in zip(questions, scored, strict=True):
        if one is not None and question.corruption != MIRROR:
            by_sample.setdefault(question.sample.id, (question, one))
    return [
        _compare(unit, by_sample[off], by_sample[on])
        for unit, off, on in pairs
        if off in by_sample and on in by_sample
    ]


def _compare(
    unit: int, before: tuple[Question, Scored[Any]], after: tuple[Question, Scored[Any]]
) -> PairResult:
    subject = after[1].subject_id
    off, on = _units(before[1]), _units(after[1])
    if off is None or on is None:
        return PairResult(unit, subject, flipped=0.0, direction=0.0, stayed=0.0)
    one, two = (q.sample.faces[q.face - 1].labels.action_units or {} for q, _ in (before, after))
    still = [n for n in one if n != unit and one[n] == two.get(n)]
    kept = [abs(off.get(n, 0.0) - on.get(n, 0.0)) <= SAME for n in still]
    return PairResult(
        unit=unit,
        subject_id=subject,
        flipped=float(off.get(unit, 0.0) < PRESENT <= on.get(unit, 0.0)),
        direction=float(on.get(unit, 0.0) > off.get(unit, 0.0)),
        stayed=sum(kept) / len(kept) if kept else 1.0,
    )


def _units(scored: Scored[Any]) -> dict[int, float] | None:
    """Stated intensities; None for an answer that cannot be parsed or sees no face."""
    answer = scored.prediction
    return dict(answer.units) if isinstance(answer, ActionUnitsAnswer) else None


def counterfactual_metrics(results: Sequence[PairResult]) -> dict[str, Interval]:
    """`flipped`, `direction` and `stayed` over all pairs, and `flipped/AUn` of each unit."""
    numbers = {
        name: _mean([(r.subject_id, getattr(r, name)) for r in results])
        for name in ("flipped", "direction", "stayed")
    }
    for unit in sorted({result.unit for result in results}):
        own = [(r.subject_id, r.flipped) for r in results if r.unit == unit]
        numbers[f"flipped/AU{unit}"] = _mean(own)
    return numbers


def _mean(pairs: Sequence[tuple[str, float]]) -> Interval:
    return cluster_mean([subject for subject, _ in pairs], [v for _, v in pairs], share=True)
