"""Paired comparison of two runs: the same questions, answered by two models.

    facellm eval compare RUN_A[:MODEL] RUN_B[:MODEL]

What counts is the difference on each question, B minus A; see `eval.differences` for scores and
`eval.f1_differences` for the numbers that are no means over questions.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval.differences import Difference, adjusted, paired_difference, shown_p
from eval.f1_differences import f1_difference
from eval.run import GUESSES
from facellm.core.errors import FaceLLMError, given


def compare(a: str, b: str) -> list[Difference]:
    """Differences of every benchmark that both runs hold: the score, macro-F1 or F1, then parts.

    Scores and F1 of all benchmarks are one family of tests; the parts, which say where a difference
    comes from, have an interval and no test.

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
    tasks = _tasks(a)
    return adjusted(
        d for name in shared for d in _differences(name, tasks[name], one[name], two[name])
    )


def table(differences: list[Difference]) -> str:
    """Markdown."""
    head = ("benchmark", "part", "A", "B", "B − A", "p", "p (Holm)", "better / worse", "unmatched")
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for d in differences:
        mark = "**" if d.clear else ""
        lines.append(
            f"| {d.benchmark} | {d.part} | {d.a:.3f} | {d.b:.3f} | {mark}{d.difference}{mark} "
            f"| {shown_p(d.p)} | {shown_p(d.p_holm)} | {d.better} / {d.worse} | {d.unmatched} |"
        )
    return "\n".join(lines)


def _differences(
    name: str, task: str, one: dict[str, dict[str, Any]], two: dict[str, dict[str, Any]]
) -> Iterator[Difference]:
    for found in (paired_difference(name, one, two), f1_difference(name, task, one, two)):
        if found is not None:
            yield found
    parts = sorted({part for key in one if key in two for part in one[key]["parts"]})
    for part in parts if len(parts) > 1 else []:  # a single part is the score again
        of_part = paired_difference(name, one, two, part)
        if of_part is not None:
            yield of_part.model_copy(update={"p": None})


def _tasks(run: str) -> dict[str, str]:
    """Benchmark → task of a run, from `results.json`."""
    path = Path(run.partition(":")[0]) / "results.json"
    if not path.is_file():
        raise FaceLLMError(
            f"no results.json in {given(str(path.parent))}; run the evaluation again"
        )
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    return {result["benchmark"]: result["task"] for result in results}


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
