"""A benchmark: a task, a corpus, a split and a way of asking, drawn the same on every machine.

samples.jsonl ── split, faces ──▶ task.question / task.target ──▶ Question (id, text, gold)
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from eval.question import Question
from facellm.core.errors import FaceLLMError, given
from facellm.core.recipe import Part
from facellm.core.sample import Sample, read_samples
from facellm.tasks import TASKS


class Benchmark(Part):
    """What is asked about which faces."""

    name: str = Field(pattern=r"^[\w.-]+$")
    task: str
    """A task of `facellm.tasks`."""
    corpus: Path
    """Folder with `samples.jsonl`."""
    split: Literal["train", "val", "test", "all"] = "test"
    style: Literal["canonical", "varied", "prose"] = "canonical"
    """The task's one fixed question, one of its wordings, or one as people chat."""
    limit: int | None = Field(default=None, gt=0)
    """At most so many questions, drawn at random."""
    seed: int = 0
    emotions: tuple[str, ...] | None = None
    """Ask only about faces whose label is one of these; None takes all."""
    grounding: bool = False
    """Also compare where our own models look with the masks of the units' regions."""
    corruption: str = ""
    """Spoil every picture first, such as `blur:3`; see `eval.corruptions`."""

    def questions(self) -> list[Question]:
        """The questions, in an order that does not depend on the machine.

        Raises:
            FaceLLMError: an unknown task, a corpus without such a split, labels that the task
                cannot ask about, or a sample that is in the corpus twice.
        """
        if self.task not in TASKS:
            raise FaceLLMError(
                f"benchmark {self.name}: {given(self.task)} is no task; "
                f"expected one of {', '.join(TASKS)}"
            )
        samples = self._samples()
        asked = [question for sample in samples for question in self._about(sample)]
        if not asked:
            raise FaceLLMError(
                f"benchmark {self.name}: none of the {len(samples)} pictures in split "
                f"{self.split!r} of {self.corpus} has the labels that {self.task} needs"
            )
        if self.limit is not None and len(asked) > self.limit:
            order = {question.id: n for n, question in enumerate(asked)}
            asked = random.Random(self.seed).sample(asked, self.limit)
            asked.sort(key=lambda question: order[question.id])
        return asked

    def _samples(self) -> list[Sample]:
        chosen: dict[str, Sample] = {}
        splits: dict[str, int] = {}
        for sample in read_samples(self.corpus):
            splits[sample.split] = splits.get(sample.split, 0) + 1
            if self.split not in ("all", sample.split):
                continue
            if sample.id in chosen:
                raise FaceLLMError(
                    f"benchmark {self.name}: sample {sample.id} is in {self.corpus} twice "
                    f"({chosen[sample.id].image} and {sample.image}); remove duplicates first"
                )
            chosen[sample.id] = sample
        if not chosen:
            there = ", ".join(f"{name} ({count})" for name, count in splits.items()) or "none"
            raise FaceLLMError(
                f"benchmark {self.name}: {self.corpus} has no sample in split {self.split!r}; "
                f"its splits are {there}"
            )
        return list(chosen.values())

    def _about(self, sample: Sample) -> Iterator[Question]:
        for face, record in enumerate(sample.faces, 1):
            if self.emotions is not None and record.labels.emotion not in self.emotions:
                continue
            yield from self._ask(sample, face)
        if not sample.faces and self.emotions is None:
            yield from self._ask(sample, 1)

    def _ask(self, sample: Sample, face: int) -> Iterator[Question]:
        task = TASKS[self.task]
        rng = random.Random(f"{self.seed}/{sample.id}/{face}")
        register = "prose" if self.style == "prose" else "task"
        exchange = task.exchange(sample, rng, face, register)
        if exchange is None:
            return
        text = exchange.question
        if self.style == "canonical" and self.task != "region_question":
            text = task.canonical_question(face if len(sample.faces) > 1 else None)
        key = f"{sample.id}/{face}"
        yield Question(key, sample, face, self.corpus, text, exchange.answer, self.corruption)
