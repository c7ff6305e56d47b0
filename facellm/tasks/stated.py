"""What the tasks with a short exact answer share: a JSON object, or a sentence that says the same.

    record ── render ──▶ {"age": 34}    or   "The person looks about 34 years old."
       └────── parse ◀──┘                         └─ one of a fixed set of sentences

The sentences are fixed because a number in free prose can mean anything: "in the 30s", "0.4 lower",
"20 to the left". Everything else is a failure of parsing; a value outside its range is one too and
is never clipped.
"""

import random
import re
from abc import abstractmethod
from decimal import Decimal
from string import Formatter
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from facellm.core.grammar import ParseFailure, first_error, render_answer
from facellm.core.sample import FaceLabels, Sample
from facellm.tasks.base import Exchange, Task, labels_of
from facellm.tasks.response import Register, Unanswerable, read_blocks
from facellm.tasks.wording import ask

A = TypeVar("A", bound=BaseModel)

NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
"""A number as the sentences hold it: no exponent, no plus sign, no comma."""


class Sentences:
    """Sentences with slots such as `{age}`, written from values and read back."""

    def __init__(self, *templates: str, **slots: str) -> None:
        """Take the templates and the pattern of each slot (a regular expression)."""
        self.templates = templates
        self._patterns = [re.compile(_pattern(template, slots)) for template in templates]

    def write(self, rng: random.Random, **values: str) -> str:
        """One of the sentences with its slots filled."""
        return rng.choice(self.templates).format(**values)

    def read(self, text: str) -> dict[str, str] | None:
        """The slots of a text that is one of the sentences and nothing more; None for others."""
        for pattern in self._patterns:
            match = pattern.fullmatch(text.strip())
            if match:
                return match.groupdict()
        return None


def _pattern(template: str, slots: dict[str, str]) -> str:
    parts = Formatter().parse(template)
    return "".join(
        re.escape(literal) + (f"(?P<{slot}>{slots[slot]})" if slot else "")
        for literal, slot, _, _ in parts
    )


def written(number: float) -> str:
    """A number as the sentences hold it, exactly: `0.2`, `-1`, never `1e-05` and never `-0`."""
    if number == int(number):
        return str(int(number))
    return format(Decimal(repr(number)), "f")


def numbers(slots: dict[str, str] | None) -> dict[str, object] | None:
    """The slots of a sentence that hold numbers, as an object of JSON."""
    return None if slots is None else {name: float(value) for name, value in slots.items()}


class StatedTask(Task[A]):
    """A task whose answers are exact in both registers: no teacher can reword them."""

    record: type[A]
    """The answer."""
    target_draws = False
    prose_questions: tuple[str, ...]

    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do."""
        return ask(rng, len(sample.faces), face, self.prose_questions)

    @abstractmethod
    def known(self, labels: FaceLabels) -> A | None:
        """The answer that the labels of a face give; None where one that it takes is missing."""

    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> A | None:
        """The labelled answer."""
        labels = labels_of(sample, face)
        return None if labels is None else self.known(labels)

    def exchange(
        self, sample: Sample, rng: random.Random, face: int = 1, register: Register = "task"
    ) -> Exchange[A] | None:
        """As for every task; most faces lack the labels, which costs a writer little to find."""
        labels = labels_of(sample, face)
        if labels is not None and self.known(labels) is None:
            return None
        return super().exchange(sample, rng, face, register)

    def to_json(self, answer: A) -> dict[str, object]:
        """The answer as the object that the task register holds."""
        return answer.model_dump(exclude_none=True)

    def from_json(self, value: dict[str, object]) -> A:
        """The opposite of `to_json`; raises pydantic's ValidationError."""
        return self.record.model_validate(value)

    @abstractmethod
    def say(self, answer: A, rng: random.Random) -> str:
        """The answer as one of the task's sentences."""

    @abstractmethod
    def hear(self, text: str) -> dict[str, object] | None:
        """The object that one of the task's sentences says; None for any other text."""

    def render(
        self, answer: A, register: Register = "task", rng: random.Random | None = None
    ) -> str:
        """Write the JSON block, or one of the task's sentences."""
        if register == "task":
            return render_answer(self.to_json(answer))
        return self.say(answer, rng or random.Random(0))

    def parse(self, text: str) -> A | Unanswerable | ParseFailure:
        """Read an answer block, bare JSON, or one of the task's own sentences."""
        blocks = read_blocks(text)
        if isinstance(blocks, ParseFailure | Unanswerable):
            return blocks
        value = self.hear(text) if blocks is None else blocks.answer
        if value is None:
            return ParseFailure(reason=f"no answer of the task {self.name}", text=text)
        try:
            return self.from_json(value)
        except ValidationError as error:
            return ParseFailure(reason=first_error(error), text=text)
