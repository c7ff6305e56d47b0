"""What a writer hands on: a conversation with template answers, and what a teacher may reword.

item ── writer ──▶ Draft ── templates ──────────────▶ Row
                     └───── teacher, verification ──▶ Row or Reject
"""

import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any, Protocol

from pydantic import Field

from data_engine.row import Making, Message, Row
from facellm.core.sample import Clip, FaceLabels, Provenance, Record, Sample
from facellm.core.splits import Split


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
    briefs: list[str | None]
    """For each assistant turn what a teacher is told, the known labels included; None where the
    template's words must stay, as in a JSON answer."""
    task: str
    truth: dict[str, Any] | None = None
    facts: list[FaceLabels]
    weak: bool = False
    provenance: Provenance
    split: Split = "train"

    def row(self, making: Making, texts: list[str] | None = None) -> Row:
        """The row of this draft; `texts` replace the assistant's turns, in order."""
        messages = list(self.messages)
        if texts is not None:
            turns = [n for n, message in enumerate(messages) if message.role == "assistant"]
            assert len(turns) == len(texts), "one text for each assistant turn"
            for n, text in zip(turns, texts, strict=True):
                part = messages[n].content[0].model_copy(update={"text": text})
                messages[n] = messages[n].model_copy(update={"content": [part]})
        shared = self.model_dump(exclude={"writer", "variant", "briefs", "messages"})
        return Row(id=self.row_id, messages=messages, making=making, **shared)

    @property
    def row_id(self) -> str:
        """The same whoever words the texts, so that runs with other teachers can be compared."""
        key = json.dumps([self.sample_ids, self.writer, self.task, self.variant])
        return hashlib.sha256(key.encode()).hexdigest()[:16]


class Writer(Protocol):
    """One kind of text. Everything random comes from `rng`, which is seeded by the item."""

    name: str

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Yield the conversations this item has labels for; none where it has not."""
