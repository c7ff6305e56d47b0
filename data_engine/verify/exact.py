"""Exact answers, such as `{"age": 34}` or a sentence that says so: read by their own task.

The reader of prose knows movements and emotions. What `facellm.tasks.stated` says in numbers is
neither; it is compared with the labels here.
"""

from functools import cache, lru_cache
from typing import Any

from data_engine.verify.claims import Policy, Problem
from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels
from facellm.tasks import TASKS
from facellm.tasks.age import AgeAnswer
from facellm.tasks.attributes import AttributesAnswer
from facellm.tasks.response import Unanswerable
from facellm.tasks.stated import StatedTask

AGREES = 0.9
"""Score from which an answer counts as true: labels are rounded when an answer is written."""


@cache
def _stated(kind: str) -> StatedTask[Any] | None:
    task = TASKS.get(kind)
    return task if isinstance(task, StatedTask) else None


def exact_answer(kind: str, text: str) -> Any | None:
    """The answer of a task with exact answers; None for other tasks and for text that is none."""
    return None if _stated(kind) is None else _exact_answer(kind, text)


@lru_cache(1 << 13)  # numbers are rounded, so that answers recur
def _exact_answer(kind: str, text: str) -> Any | None:
    task = _stated(kind)
    if task is None or "<think>" in text:
        return None
    answer = task.parse(text)
    return None if isinstance(answer, ParseFailure | Unanswerable) else answer


def exact_problem(kind: str, answer: Any, labels: FaceLabels, policy: Policy) -> Problem | None:
    """What the labels of a face say against an answer of the task `kind`, if anything."""
    task = TASKS[kind]
    assert isinstance(task, StatedTask)
    gold = task.known(labels)
    if gold is None or not _comparable(answer, gold):
        if policy.unlabelled == "allow":
            return None
        return Problem(f"unsupported:{kind}", f"no label speaks about {kind.replace('_', ' ')}")
    if isinstance(answer, AgeAnswer):
        if abs(answer.age - gold.age) <= policy.age_tolerance:
            return None
        return Problem("wrong_age", f"{answer.age:g} years is not the labelled age")
    if isinstance(answer, AttributesAnswer):
        wrong = [n for n, v in answer.attributes.items() if gold.attributes.get(n, v) is not v]
        return Problem(f"wrong_attribute:{wrong[0]}", f"{wrong[0]!r} is not so") if wrong else None
    if (task.compare(answer, gold).value or 0.0) >= AGREES:
        return None
    return Problem(f"wrong_answer:{kind}", f"the labels say: {task.render(gold, 'prose')}")


def _comparable(answer: Any, gold: Any) -> bool:
    """Whether the labels hold any of what is said; an attribute without a label is not judged."""
    if isinstance(answer, AttributesAnswer):
        return not answer.attributes.keys().isdisjoint(gold.attributes)
    return True
