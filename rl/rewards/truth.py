"""What a row knows: the sample it asks about, and so the gold answer of any task.

The column `truth` is text, because every store and trainer keeps text. It holds the sample and the
seed of the question rather than an answer: the task makes its gold from these, as it did when the
question was asked.
"""

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from facellm.core.grammar import ParseFailure
from facellm.core.sample import FaceLabels, Record, Sample
from facellm.tasks import TASKS
from facellm.tasks.base import Exchange, labels_of
from facellm.tasks.response import Unanswerable

Completion: TypeAlias = str | Sequence[dict[str, Any]]
"""Text, or a conversation whose last message is the assistant's."""
Rewards: TypeAlias = list[float | None]


class Truth(Record):
    """One question about one face of a sample."""

    task: str
    sample: Sample
    face: int = 1
    """Which face is asked about, from 1."""
    seed: int = 0
    """Of the question's wording, and of what a task draws for it."""

    def dump(self) -> str:
        """The text that the column holds."""
        return self.model_dump_json(exclude_defaults=True)

    def exchange(self) -> Exchange[Any] | None:
        """Question and gold answer in the task register; None where the labels are missing."""
        return TASKS[self.task].exchange(self.sample, random.Random(self.seed), self.face)

    @property
    def labels(self) -> FaceLabels:
        """What is known of the face; nothing of a face that is not there."""
        return labels_of(self.sample, self.face) or FaceLabels()


class Known(Record):
    """A row read: its truth and its exchange."""

    truth: Truth
    exchange: Any

    @property
    def gold(self) -> Any:
        """The gold answer of the row's task."""
        return self.exchange.answer


@lru_cache(4096)
def known(text: str) -> Known:
    """Read a row's truth; equal rows, such as the completions of one prompt, are read once.

    Raises:
        ValueError: text that is no truth, or a sample without the labels its task takes.
    """
    truth = Truth.model_validate_json(text)
    exchange = truth.exchange()
    if exchange is None:
        raise ValueError(f"sample {truth.sample.id} has no labels for task {truth.task}")
    return Known(truth=truth, exchange=exchange)


@lru_cache(4096)
def parsed(task: str, text: str) -> Any:
    """What a task reads in a completion: an answer, `Unanswerable` or `ParseFailure`."""
    return TASKS[task].parse(text)


def fails(answer: object) -> bool:
    """Whether a parsed completion answers nothing."""
    return isinstance(answer, ParseFailure | Unanswerable)


def text_of(completion: Completion) -> str:
    """The text of a completion in any of the forms that trainers hand over."""
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"] if completion else ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)
