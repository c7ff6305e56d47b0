"""Check every answer of every row against what is known of the faces."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from data_engine.row import Row
from data_engine.step import Item, Reject, Step
from data_engine.verify.check import turn_kinds, verify
from data_engine.verify.claims import Policy, Problem


class Verify(Step, Policy):
    """Reject rows whose answers contradict the labels; samples and clips pass as they are.

    The reason of a reject is the first problem's kind, such as `wrong_unit:AU12`; its detail lists
    all of them.
    """

    name: ClassVar[str] = "verify"

    def run(self, items: Iterable[Item], folder: Path) -> Iterator[Item | Reject]:
        """Yield each row, or the reject with the reason."""
        for item in items:
            problems = self.problems(item) if isinstance(item, Row) else []
            if not problems:
                yield item
                continue
            yield Reject(
                item_id=item.id,
                step=self.name,
                reason=problems[0].kind,
                detail="; ".join(f"{kind}: {detail}" for kind, detail in problems),
                item=item.model_dump(mode="json", exclude_defaults=True),
            )

    def problems(self, row: Row) -> list[Problem]:
        """What is wrong with the answers of a row."""
        found: list[Problem] = []
        question, kinds = "", iter(turn_kinds(row.task, row.truth))
        for message in row.messages:
            parts = [part.text for part in message.content if part.text]
            text = parts[0] if len(parts) == 1 else " ".join(parts)
            if message.role == "assistant":
                found += verify(text, row.facts, next(kinds, row.task), self, question).problems
            else:
                question = text
        return found
