"""Does a model say the same when only the words of the question, or left and right, change?

- wordings: a face is asked about in k different wordings; the answers should agree;
- mirror: the picture is flipped; emotion and action units should stay, and sides should swap.

Agreement says nothing about truth: whoever always answers alike agrees with themselves, as the row
`majority` shows. The row `shuffled` shows how far answers about different people agree.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from eval.question import MIRROR, Question
from facellm.core.evidence import Side, Statement, Thought
from facellm.core.facs import PRESENT
from facellm.core.statistics import Interval, cluster_mean
from facellm.tasks.action_units import ActionUnitsAnswer
from facellm.tasks.base import Scored
from facellm.tasks.expression import ExpressionAnswer
from facellm.tasks.reasoning import ReasoningAnswer
from facellm.tasks.units import presence_f1

OTHER: dict[Side, Side] = {"left": "right", "right": "left"}


SPEAKS_OF = {
    "expression": ("emotion",),
    "action_units": ("units",),
    "reasoning": ("emotion", "units"),
}


class Said(NamedTuple):
    """What an answer claims, as far as its task speaks of it."""

    emotion: str = ""
    units: dict[int, float] = {}  # noqa: RUF012  (never changed)
    sides: dict[int, frozenset[Side]] = {}  # noqa: RUF012
    """Stated unit → the sides it is said to act on; both where no side is named."""


def consistency_metrics(
    task: str, questions: Sequence[Question], scored: Sequence[Scored[Any] | None]
) -> dict[str, Interval]:
    """Agreement of the answers about the same face, over pairs of answers.

    `wording_emotion` and `mirror_emotion`: share of pairs that name the same emotion.
    `wording_units` and `mirror_units`: mean F1 of the units that both say are present (at 2 or
    more, or without a word for how strong); two answers without any agree. `mirror_sides`: share
    of the units in both answers, named with a side in either, whose sides swap. An answer that
    cannot be parsed agrees with none; a pair with a missing answer is not counted.
    """
    by_face: dict[str, list[tuple[Question, Said | None]]] = {}
    for question, one in zip(questions, scored, strict=True):
        if one is not None:
            by_face.setdefault(question.about, []).append((question, said(one.prediction)))
    found: dict[str, list[tuple[str, float]]] = {}
    for heard in by_face.values():
        subject = heard[0][0].subject_id
        plain = [said for question, said in heard if question.corruption != MIRROR]
        flipped = [said for question, said in heard if question.corruption == MIRROR]
        pairs = [("wording", a, b) for a, b in combinations(plain, 2)]
        pairs += [("mirror", a, b) for a in plain[:1] for b in flipped]
        for kind, a, b in pairs:
            for name, value in _agreement(task, kind, a, b):
                found.setdefault(f"{kind}_{name}", []).append((subject, value))
    return {
        name: cluster_mean([subject for subject, _ in rows], [v for _, v in rows], share=True)
        for name, rows in sorted(found.items(), reverse=True)
    }


def _agreement(
    task: str, kind: str, one: Said | None, two: Said | None
) -> Iterable[tuple[str, float]]:
    if one is None or two is None:
        yield from ((name, 0.0) for name in SPEAKS_OF[task])
        return
    if "emotion" in SPEAKS_OF[task]:
        yield "emotion", float(one.emotion == two.emotion)
    if "units" in SPEAKS_OF[task]:
        yield "units", presence_f1(one.units, two.units)
    if kind == MIRROR:
        yield from (("sides", value) for value in _swapped(one.sides, two.sides))


def _swapped(one: dict[int, frozenset[Side]], two: dict[int, frozenset[Side]]) -> Iterable[float]:
    for unit in one.keys() & two.keys():
        if len(one[unit]) + len(two[unit]) < 4:
            yield float({OTHER[side] for side in one[unit]} == two[unit])


def said(parsed: object) -> Said | None:
    """The claims of an answer; None where it cannot be parsed or sees no such face."""
    if isinstance(parsed, ActionUnitsAnswer):
        return Said(units=parsed.units)
    if isinstance(parsed, ReasoningAnswer):
        thought = parsed.thought or Thought()
        units = {n: PRESENT if value is None else value for n, value in thought.units.items()}
        return Said(parsed.emotion, units, _sides(thought.statements))
    return Said(parsed.emotion) if isinstance(parsed, ExpressionAnswer) else None


def _sides(statements: Iterable[Statement]) -> dict[int, frozenset[Side]]:
    sides: dict[int, set[Side]] = {}
    for s in statements:
        sides.setdefault(s.action_unit, set()).update(OTHER if s.side is None else (s.side,))
    return {unit: frozenset(named) for unit, named in sides.items()}
