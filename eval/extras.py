"""Numbers beside a task's own: evidence, pairs of pictures that differ in one unit, grounding."""

from collections.abc import Sequence
from typing import Any

from eval.benchmark import Benchmark
from eval.consistency import consistency_metrics
from eval.faithfulness import counterfactual, counterfactual_metrics, evidence_metrics
from eval.grounding import grounding_metrics, read_out_grounding
from eval.models.in_process import InProcess
from eval.open_words import wheel_metrics
from eval.pairs import read_pairs
from eval.question import Question
from facellm.core.statistics import Interval
from facellm.tasks.base import Scored


def grounds(benchmark: Benchmark, model: Any) -> bool:
    """Whether it is asked, and can be seen, where this model looks."""
    return bool(benchmark.grounding) and isinstance(model, InProcess) and not benchmark.corruption


def extra_metrics(
    benchmark: Benchmark,
    questions: Sequence[Question],
    scored: Sequence[Scored[Any] | None],
    model: Any,
) -> dict[str, Interval]:
    """What this benchmark allows to be measured beside the task's metrics; names say what it is."""
    numbers: dict[str, Interval] = {}
    if benchmark.task == "reasoning":
        numbers |= evidence_metrics(questions, scored)
    if benchmark.task == "action_units" and (benchmark.corpus / "pairs.jsonl").is_file():
        results = counterfactual(read_pairs(benchmark.corpus), questions, scored)
        numbers |= {f"pair_{k}": v for k, v in counterfactual_metrics(results).items()}
    if benchmark.variants > 1 or benchmark.mirrored:
        numbers |= consistency_metrics(benchmark.task, questions, scored)
    if benchmark.wheels is not None:
        found = wheel_metrics(benchmark.wheels, questions, scored)
        numbers |= {f"wheel_{k}": v for k, v in found.items()}
    if grounds(benchmark, model):
        results_of_maps = read_out_grounding(model.reader(), questions)
        numbers |= {f"look_{k}": v for k, v in grounding_metrics(results_of_maps).items()}
    return numbers
