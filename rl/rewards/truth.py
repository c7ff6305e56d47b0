"""What a row knows: the sample it asks about, and so the gold answer of any task.

The column `truth` is text, because every store and trainer keeps text. It holds the sample and the
seed of the question rather than an answer: the task makes its gold from these, as it did when the
question was asked.
"""

import random
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from facellm.core.evidence import Statement
from facellm.core.facs import ACTION_UNITS
from facellm.core.grammar import ParseFailure
from facellm.core.read_prose import negated, words
from facellm.core.sample import FaceLabels, Record, Sample
from facellm.tasks import TASKS
from facellm.tasks.base import Exchange, labels_of
from facellm.tasks.reasoning import ReasoningAnswer
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
    """What a task reads in a completion: an answer, `Unanswerable` or `ParseFailure`.

    Evidence whose words take its citation back is a failure too, see `taken_back`.
    """
    answer = TASKS[task].parse(text)
    if isinstance(answer, ReasoningAnswer) and answer.thought is not None:
        for statement in answer.thought.statements:
            reason = taken_back(statement)
            if reason is not None:
                return ParseFailure(reason=reason, text=text)
    return answer


HEDGES = frozenset(("perhaps", "maybe", "possibly", "might", "may", "could", "either", "unclear"))
_CODE = re.compile(r"AU ?[0-9]", re.I)
_UNIT_OF = {unit.phrase: n for n, unit in ACTION_UNITS.items()}


def taken_back(statement: Statement) -> str | None:
    """How a statement's words deny the unit it cites; None where they do not.

    A benchmark reads the citation alone. A model that is paid for citations would learn to write
    `not raised (AU6, marked)`, or to cite one unit with the words of another.
    """
    text, cited = statement.text, f"AU{statement.action_unit}"
    if negated(text):
        return f"{text!r} is denied, and cites {cited}"
    if not HEDGES.isdisjoint(words(text)):
        return f"{text!r} is not sure, and cites {cited}"
    if _CODE.search(text):
        return f"{text!r} names units beside the cited {cited}"
    if _UNIT_OF.get(text, statement.action_unit) != statement.action_unit:
        return f"{text!r} is AU{_UNIT_OF[text]}, and cites {cited}"
    return None


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
