"""Is one model better than another on the same questions? The difference, its interval, a test.

What counts is the difference on each question, so that easy and hard faces cancel out. The test
flips the sign of whole people's differences (a permutation test, clustered by subject); with many
comparisons the p values are adjusted after Holm (1979), so that a table without any true
difference has a star in one case of twenty and not in every second one.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from eval.metrics.paired import paired_means
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Record
from facellm.core.statistics import Interval

SIGNS = 20_000_000
"""Signs drawn for one test at most: people times permutations."""
PERMUTATIONS = 10_000


class Difference(Record):
    """How much better B is than A on the questions both answered."""

    benchmark: str
    part: str
    """`score`, a named part of it, or `macro_f1` or `unit_f1`; see `eval.f1_differences`."""
    a: float
    b: float
    difference: Interval
    """B minus A, mean over questions; its interval is clustered by subject."""
    better: int
    """Questions on which B scores higher."""
    worse: int
    unmatched: int
    """Questions that only one of the two answered; they do not count."""
    p: float | None = None
    """Two-sided, of the permutation test over people; None for fewer than two."""
    p_holm: float | None = None
    """Adjusted for all the comparisons it stands among."""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)


def paired_difference(
    benchmark: str,
    one: dict[str, dict[str, Any]],
    two: dict[str, dict[str, Any]],
    part: str = "score",
) -> Difference | None:
    """B minus A on the questions both answered; None where there is none.

    Args:
        benchmark: its name.
        one, two: rows of A and of B by question, as `samples.parquet` has them, with `parts` read.
        part: `score`, or a named part of it.

    Raises:
        FaceLLMError: the same question has different golds.
    """
    both = counted_pairs(benchmark, one, two)
    pairs = [
        (one[key]["subject_id"], x, y)
        for key in both
        if (x := _value(one[key], part)) is not None and (y := _value(two[key], part)) is not None
    ]
    if not pairs:
        return None
    subjects, a, b = (list(column) for column in zip(*pairs, strict=True))
    found = paired_means(b, a, subjects, permutations_for(subjects))
    return Difference(
        benchmark=benchmark,
        part=part,
        a=sum(a) / len(a),
        b=sum(b) / len(b),
        difference=found.difference,
        better=sum(y > x for x, y in zip(a, b, strict=True)),
        worse=sum(y < x for x, y in zip(a, b, strict=True)),
        unmatched=len(set(one) | set(two)) - len(both),
        p=None if math.isnan(found.p) else found.p,
    )


def counted_pairs(
    benchmark: str, one: dict[str, dict[str, Any]], two: dict[str, dict[str, Any]]
) -> list[str]:
    """The questions that both answered, in the order of the first.

    Raises:
        FaceLLMError: the same question has different golds.
    """
    both = [key for key in one if key in two and None not in (one[key]["value"], two[key]["value"])]
    moved = [key for key in both if one[key]["target"] != two[key]["target"]]
    if moved:
        raise FaceLLMError(
            f"benchmark {benchmark}: question {moved[0]} has another gold answer in the two runs; "
            "they were made from different corpora"
        )
    return both


def permutations_for(subjects: Sequence[str]) -> int:
    """How many permutations a test draws; fewer where people are many."""
    return min(PERMUTATIONS, max(1000, SIGNS // len(set(subjects))))


def adjusted(differences: Iterable[Difference]) -> list[Difference]:
    """The same with `p_holm`: all that have a p are one family."""
    found = list(differences)
    known = [d.p for d in found if d.p is not None]
    values = iter(holm(known))
    return [d if d.p is None else d.model_copy(update={"p_holm": next(values)}) for d in found]


def holm(values: Sequence[float]) -> list[float]:
    """p values adjusted after Holm (1979), in the order given; none exceeds 1.

    The smallest of m is multiplied by m, the next by m − 1 and so on; none falls below one that
    was smaller.
    """
    order = sorted(range(len(values)), key=lambda place: values[place])
    out = [0.0] * len(values)
    least = 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(values) - rank) * values[place]))
        out[place] = least
    return out


def shown_p(p: float | None) -> str:
    """`0.031`, `<0.001`, or a dash."""
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _value(row: dict[str, Any], part: str) -> float | None:
    value: float | None = row["value"] if part == "score" else row["parts"].get(part)
    return value
