"""Is the reasoning true of the face, and does it hang together?

- hallucinated evidence: stated units that the face does not show;
- support: the stated units belong to the stated emotion;
- counterfactual faithfulness: of two pictures that differ in one action unit, the statement about
  that unit must change and the statements about all others must stay.

Everything is computed from answers that were asked for once, and clustered by subject.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eval.question import Answer, Question
from facellm.core.errors import FaceLLMError
from facellm.core.facs import PRESENT
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.core.statistics import Interval, by_subject, cluster_bootstrap, mean
from facellm.tasks import TASKS
from facellm.tasks.action_units import ActionUnitsAnswer
from facellm.tasks.reasoning import ReasoningAnswer, supporting

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
    questions: Sequence[Question], answers: dict[str, Answer]
) -> dict[str, Interval]:
    """Numbers of the `reasoning` task's evidence.

    `hallucinated`: share of stated units below `TOLERANCE`, over units the labels know, mean over
    answers that state any. `missed`: share of units present at 2 or more that are not stated.
    `intensity_off`: share of true statements more than a step off. `supported`: share of answers
    whose emotion has a stated unit among its signs (neutral: none of another emotion's prototype
    stated at 2 or more). An answer that cannot be parsed states nothing.
    """
    rows: dict[str, list[tuple[str, float]]] = {
        "hallucinated": [], "missed": [], "intensity_off": [], "supported": [],
    }  # fmt: skip
    for question in questions:
        answer = answers.get(question.id)
        if answer is None or answer.text is None:
            continue
        parsed = TASKS["reasoning"].parse(answer.text)
        labels = question.sample.faces[question.face - 1].labels
        stated = _stated(parsed)
        for name, value in _evidence_numbers(stated, labels).items():
            rows[name].append((question.subject_id, value))
        if isinstance(parsed, ReasoningAnswer):
            rows["supported"].append((question.subject_id, float(supported(parsed))))
    return {name: _mean(pairs) for name, pairs in rows.items()}


def supported(answer: ReasoningAnswer) -> bool:
    """Whether the stated units speak for the stated emotion."""
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
    present = [n for n, value in known.items() if value >= PRESENT]
    if present:
        numbers["missed"] = sum(n not in stated for n in present) / len(present)
    return numbers


def read_pairs(corpus: Path) -> list[tuple[int, str, str]]:
    """Unit and sample ids (off, on) of `pairs.jsonl`.

    Raises:
        FaceLLMError: no such file, or a line that is no pair.
    """
    path = corpus / "pairs.jsonl"
    if not path.is_file():
        raise FaceLLMError(f"no pairs.jsonl in {corpus}; expected the pairs of a rigbench")
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            pairs.append((int(row["unit"]), str(row["off"]), str(row["on"])))
        except (ValueError, KeyError, TypeError) as error:
            raise FaceLLMError(f"{path}:{number} is no pair of unit, off and on: {error}") from None
    return pairs


def counterfactual(
    pairs: Sequence[tuple[int, str, str]],
    questions: Sequence[Question],
    answers: dict[str, Answer],
) -> list[PairResult]:
    """Compare the `action_units` answers to both pictures of every pair that was answered."""
    by_sample = {question.sample.id: question for question in questions}
    results = []
    for unit, off_id, on_id in pairs:
        if off_id not in by_sample or on_id not in by_sample:
            continue  # a limited run asks about some of the pictures
        off, on = by_sample[off_id], by_sample[on_id]
        said_off, said_on = _units(answers.get(off.id)), _units(answers.get(on.id))
        if said_off is None or said_on is None:
            continue
        before, after = said_off.get(unit, 0.0), said_on.get(unit, 0.0)
        labels = [q.sample.faces[0].labels.action_units or {} for q in (off, on)]
        still = [n for n in labels[0] if n != unit and labels[0][n] == labels[1].get(n)]
        kept = [abs(said_off.get(n, 0.0) - said_on.get(n, 0.0)) <= SAME for n in still]
        results.append(
            PairResult(
                unit=unit,
                subject_id=on.subject_id,
                flipped=float(before < PRESENT <= after),
                direction=float(after > before),
                stayed=sum(kept) / len(kept) if kept else 1.0,
            )
        )
    return results


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


def _units(answer: Answer | None) -> dict[int, float] | None:
    """Stated intensities; an answer that cannot be parsed states none, a missing one is None."""
    if answer is None or answer.text is None:
        return None
    parsed = TASKS["action_units"].parse(answer.text)
    if isinstance(parsed, ParseFailure) or not isinstance(parsed, ActionUnitsAnswer):
        return {}
    return dict(parsed.units)


def _mean(pairs: Sequence[tuple[str, float]]) -> Interval:
    subjects = [subject for subject, _ in pairs]
    return cluster_bootstrap(by_subject(subjects, [value for _, value in pairs]), mean)
