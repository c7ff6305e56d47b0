"""What a writer hands on: a conversation with template answers, and what a teacher may reword.

item ── writer ──▶ Draft ── templates ──────────────▶ Row
                     └───── teacher, verification ──▶ Row or Reject
"""

import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_serializer

from data_engine.row import Making, Message, Part, Row
from data_engine.writers.brief import Brief
from facellm.core.sample import Clip, FaceLabels, Provenance, Record, Sample
from facellm.core.splits import Split
from facellm.tasks.response import Register


class Draft(Record):
    """A conversation about one or several items, before anyone but a template worded it."""

    writer: str
    variant: int = 0
    """Tells drafts of one writer about the same items apart."""
    sample_ids: list[str]
    images: list[str] = Field(default_factory=list)
    videos: list[str] = Field(default_factory=list)
    messages: list[Message]
    """Complete: the assistant's turns hold the template's text."""
    briefs: list[Brief | None]
    """For each assistant turn what a teacher is told, the known labels included; None where the
    template's words must stay, as in a JSON answer."""
    task: str
    truth: dict[str, Any] | None = None
    facts: list[FaceLabels]
    weak: bool = False
    provenance: Provenance
    split: Split = "train"

    @field_serializer("briefs")
    def _worded(self, briefs: list[Brief | None]) -> list[str | None]:
        return [None if brief is None else str(brief) for brief in briefs]

    def row(self, making: Making, texts: list[str] | None = None) -> Row:
        """The row of this draft; `texts` replace the assistant's turns, in order."""
        messages = self.messages if texts is None else self._reworded(texts)
        return Row.trusted(
            id=self.row_id,
            sample_ids=self.sample_ids,
            images=self.images,
            videos=self.videos,
            messages=messages,
            task=self.task,
            truth=self.truth,
            facts=self.facts,
            weak=self.weak,
            provenance=self.provenance,
            split=self.split,
            making=making,
        )

    def _reworded(self, texts: list[str]) -> list[Message]:
        messages = list(self.messages)
        turns = [n for n, message in enumerate(messages) if message.role == "assistant"]
        assert len(turns) == len(texts), "one text for each assistant turn"
        for n, text in zip(turns, texts, strict=True):
            part = Part.trusted(type="text", text=text)
            messages[n] = Message.trusted(role="assistant", content=[part])
        return messages

    @property
    def row_id(self) -> str:
        """The same whoever words the texts, so that runs with other teachers can be compared."""
        key = "\n".join((*self.sample_ids, self.writer, self.task, str(self.variant)))
        return hashlib.sha256(key.encode()).hexdigest()[:16]


class Style(Record):
    """What all writers heed."""

    registers: dict[Register, Annotated[float, Field(gt=0)]] = Field(
        default={"task": 0.5, "prose": 0.5}, min_length=1, max_length=2
    )
    """How often JSON answers (`task`) and sentences (`prose`) are asked for, as weights."""
    apparent_age: bool = False
    """Whether descriptions and questions may speak of the labelled age."""


@dataclass(frozen=True)
class Writer(ABC):
    """One kind of text. Everything random comes from `rng`, which is seeded by the item."""

    style: Style = field(default_factory=Style)
    name: ClassVar[str]
    needs_labels: ClassVar[bool] = True
    """False for texts that may be written about any picture, such as refusals."""
    pairs: ClassVar[bool] = False
    """Whether `pair` has something to say."""

    def fits(self, item: Sample | Clip) -> bool:
        """Whether `drafts` may find something to say, at less cost than asking it."""
        return True

    @abstractmethod
    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Yield the conversations this item has labels for; none where it has not.

        The stream is finite and its first drafts are as good as its last: callers take as many as
        they want.
        """

    def pair(self, first: Sample, second: Sample, rng: random.Random) -> Iterator[Draft]:
        """Yield conversations about two pictures of one subject; most kinds of text have none."""
        return iter(())

    def register(self, rng: random.Random) -> Register:
        """Draw a register by the weights of the style."""
        weights = self.style.registers
        return "task" if rng.random() * sum(weights.values()) < weights.get("task", 0) else "prose"
