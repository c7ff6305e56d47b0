"""Paired comparison of two runs: the same questions, answered by two models.

    facellm eval compare RUN_A[:MODEL] RUN_B[:MODEL]

What counts is the difference on each question, B minus A, so that easy and hard faces cancel out.
"""

import json
from pathlib import Path
from typing import Any

from eval.run import GUESSES
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Record
from facellm.core.statistics import Interval, cluster_mean


class Difference(Record):
    """How much better B is than A on the questions both answered."""

    benchmark: str
    part: str
    """`score`, or a named part of it."""
    a: float
    b: float
    difference: Interval
    """B minus A, mean over questions; its interval is clustered by subject."""
    better: int
    """Questions on which B scores higher."""
    worse: int
    unmatched: int
    """Questions that only one of the two answered; they do not count."""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)


def compare(a: str, b: str) -> list[Difference]:
    """Differences of every benchmark that both runs hold, the score first, then its parts.

    Args:
        a, b: a run's folder, `:model` behind it where the run holds several.

    Raises:
        FaceLLMError: no such run or model, or no benchmark in common.
    """
    one, two = _rows(a), _rows(b)
    shared = [name for name in one if name in two]
    if not shared:
        raise FaceLLMError(
            f"{given(a)} and {given(b)} have no benchmark in common: "
            f"{', '.join(one) or 'none'} against {', '.join(two) or 'none'}"
        )
    return [d for name in shared for d in _differences(name, one[name], two[name])]


def table(differences: list[Difference]) -> str:
    """Markdown."""
    lines = [
        "| benchmark | part | A | B | B − A | better / worse | not in both |", "|---" * 7 + "|",
    ]  # fmt: skip
    for d in differences:
        mark = "**" if d.clear else ""
        lines.append(
            f"| {d.benchmark} | {d.part} | {d.a:.3f} | {d.b:.3f} | {mark}{d.difference}{mark} "
            f"| {d.better} / {d.worse} | {d.unmatched} |"
        )
    return "\n".join(lines)


def _differences(
    name: str, one: dict[str, dict[str, Any]], two: dict[str, dict[str, Any]]
) -> list[Difference]:
    both = [key for key in one if key in two and None not in (one[key]["value"], two[key]["value"])]
    unmatched = len(set(one) | set(two)) - len(both)
    moved = [key for key in both if one[key]["target"] != two[key]["target"]]
    if moved:
        raise FaceLLMError(
            f"benchmark {name}: question {moved[0]} has another gold answer in the two runs; "
            "they were made from different corpora"
        )
    found = []
    parts = ["score", *sorted({part for key in both for part in one[key]["parts"]})]
    for part in parts:
        pairs = [
            (one[key]["subject_id"], x, y)
            for key in both
            if (x := _value(one[key], part)) is not None
            and (y := _value(two[key], part)) is not None
        ]
        if not pairs or (len(parts) == 2 and part != "score"):
            continue  # a single part is the score under another name
        subjects = [subject for subject, _, _ in pairs]
        change = [y - x for _, x, y in pairs]
        found.append(
            Difference(
                benchmark=name,
                part=part,
                a=sum(x for _, x, _ in pairs) / len(pairs),
                b=sum(y for _, _, y in pairs) / len(pairs),
                difference=cluster_mean(subjects, change),
                better=sum(c > 0 for c in change),
                worse=sum(c < 0 for c in change),
                unmatched=unmatched,
            )
        )
    return found


def _value(row: dict[str, Any], part: str) -> float | None:
    value: float | None = row["value"] if part == "score" else row["parts"].get(part)
    return value


def _rows(run: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Benchmark → question → row of one model of a run."""
    import pyarrow.parquet

    folder, _, model = run.partition(":")
    path = Path(folder) / "samples.parquet"
    if not path.is_file():
        raise FaceLLMError(f"no samples.parquet in {given(folder)}; expected a finished evaluation")
    rows = pyarrow.parquet.read_table(path).to_pylist()
    models = [name for name in dict.fromkeys(row["model"] for row in rows) if name not in GUESSES]
    if not model:
        if len(models) != 1:
            raise FaceLLMError(
                f"{given(folder)} holds {len(models)} models; name one as "
                f"{folder}:<model>, of {', '.join(models)}"
            )
        model = models[0]
    chosen: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["model"] == model:
            row["parts"] = json.loads(row["parts"])
            chosen.setdefault(row["benchmark"], {})[row["id"]] = row
    if not chosen:
        raise FaceLLMError(f"{given(folder)} holds no model {given(model)}; it holds {models}")
    return chosen
