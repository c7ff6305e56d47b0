"""Rewards that are a named part of the task's own score: what a benchmark of that part reports."""

from collections.abc import Sequence
from typing import Any

from facellm.tasks import TASKS
from rl.rewards.truth import Completion, Rewards, known, parsed, text_of

CHOICES = ("more", "same", "authentic", "category", "direction")
"""Parts that are 1 for the right option of a question that names its options, else 0."""


def expression(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """The part `emotion`: 1 for the labelled expression, else 0.

    None: the task names no expression, or none is labelled.
    """
    return _part(completions, truth, ("emotion",))


def choice(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """1 for the right option of a multiple-choice question, else 0.

    Which face shows more of a unit, or whether both show the same expression (`comparison`); real
    or not (`authenticity`); the class (`emotion40`, `compound_expression`); where the eyes look
    (`gaze`). None: the question is none of these.
    """
    return _part(completions, truth, CHOICES)


def attributes(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """The share of the attributes asked about that are right; None for other tasks.

    Attributes that were not asked about neither pay nor cost.
    """
    return _part(completions, truth, ("attributes",))


def age(completions: Sequence[Completion], truth: Sequence[str], **columns: Any) -> Rewards:
    """1 − |Δ| / 20 years, not below 0; None for other tasks."""
    return _part(completions, truth, ("age",))


def _part(completions: Sequence[Completion], truth: Sequence[str], names: Sequence[str]) -> Rewards:
    """The first of the named parts that the gold answer has; None where it has none of them."""
    rewards: Rewards = []
    for completion, text in zip(completions, truth, strict=True):
        row = known(text)
        task = TASKS[row.truth.task]
        possible = task.score(row.gold, row.gold).parts
        name = next((name for name in names if possible.get(name) is not None), None)
        if name is None:
            rewards.append(None)
            continue
        answer = parsed(row.truth.task, text_of(completion))
        rewards.append(task.score(answer, row.gold).parts.get(name) or 0.0)
    return rewards
