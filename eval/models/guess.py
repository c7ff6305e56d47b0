"""What needs no picture: the commonest answer, another face's answer, and the gold itself.

`majority` and `shuffled` are what a score must be compared with; `gold` must reach 1.0, or the
benchmark is broken.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from eval.question import Answer, Question
from facellm.core.recipe import Part
from facellm.tasks import TASKS
from facellm.tasks.response import Unanswerable, render_unanswerable


class Guess(Part):
    """A baseline that knows the golds of the benchmark and not the pictures."""

    kind: Literal["majority", "shuffled", "gold"]
    task: str = ""
    """Filled in by the run."""
    seed: int = 0

    @property
    def name(self) -> str:
        """How results call it."""
        return self.kind

    async def answers(self, questions: Sequence[Question]) -> AsyncIterator[Answer]:
        """See `eval.models.base.Model`."""
        texts = [self._render(question.gold) for question in questions]
        if self.kind == "majority":
            commonest = Counter(texts).most_common(1)[0][0]
            texts = [commonest] * len(texts)
        if self.kind == "shuffled":
            texts = _deranged(texts, [q.subject_id for q in questions], self.seed)
        for question, text in zip(questions, texts, strict=True):
            yield Answer(id=question.id, text=text)

    def _render(self, gold: Any) -> str:
        if isinstance(gold, Unanswerable):
            return render_unanswerable(gold)
        return TASKS[self.task].render(gold)


def _deranged(texts: list[str], subjects: list[str], seed: int) -> list[str]:
    """Each the text of another row, drawn at random; of another person where that is possible."""
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    moved = [""] * len(texts)
    for place, row in enumerate(order):
        others = (order[(place + step) % len(order)] for step in range(1, len(order)))
        strange = (other for other in others if subjects[other] != subjects[row])
        moved[row] = texts[next(strange, order[(place + 1) % len(order)])]
    return moved
