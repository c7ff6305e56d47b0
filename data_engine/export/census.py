"""Counts over the rows of a corpus, in one pass and in memory that does not grow with pictures.

Labels are counted once for each face of each row: what a model trained on the rows gets to see.
"""

from array import array
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from data_engine.diversity import Diversity, SeededSample, diversity
from data_engine.export.pictures import shows_nobody
from data_engine.row import Row
from data_engine.writers.presence import unrated
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels
from facellm.tasks.units import whole

UNRATED = 6
"""Grade of a unit that acts, nobody knows how strongly."""
_MANY = 5000
"""Answers kept to measure the diversity of, of the corpus and of each writer."""


class Source(NamedTuple):
    """Where rows come from, under which terms."""

    name: str
    licence: str
    consent: str


class Maker(NamedTuple):
    """Who wrote which kind of text."""

    writer: str
    teacher: str


class Distinct:
    """Counts different texts at 8 bytes for each that is shown (64-bit hashes)."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, text: str) -> None:
        """Show one."""
        self._hashes.append(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big"))

    def __len__(self) -> int:
        """How many were shown."""
        return len(self._hashes)

    def count(self) -> int:
        """How many different ones were shown."""
        return len(self.unique())

    def unique(self) -> np.ndarray:
        """Their hashes, sorted, (N,) uint64."""
        return np.unique(np.frombuffer(self._hashes, dtype=np.uint64))


class Making:
    """Sums over the rows of one writer and teacher."""

    def __init__(self) -> None:
        self.rows = 0
        self.attempts = 0
        self.tokens: Counter[str] = Counter()
        """By kind: `prompt_tokens`, `completion_tokens`."""
        self._agreed = 0.0
        self._compared = 0
        self.prompts = Distinct()
        self.some_prompts: SeededSample[str] = SeededSample(3)
        self.finish: Counter[str] = Counter()
        self.answers: SeededSample[str] = SeededSample(_MANY)

    def add(self, row: Row) -> None:
        """Count one row."""
        made = row.making
        self.rows += 1
        self.attempts += made.attempts
        self.tokens.update(made.usage or {})
        if made.agreement is not None:
            self._agreed += made.agreement
            self._compared += 1
        if made.prompt_hash is not None:
            self.prompts.add(made.prompt_hash)
            self.some_prompts.add(row.id, made.prompt_hash)
        if made.finish_reason is not None:
            self.finish[made.finish_reason] += 1
        for number, text in enumerate(answers(row)):
            self.answers.add(f"{row.id}/{number}", text)

    @property
    def agreement(self) -> float | None:
        """Mean over the rows that have one."""
        return self._agreed / self._compared if self._compared else None


class Census:
    """Everything the card and the figures say about the rows."""

    def __init__(self, seed: int = 0) -> None:
        """Start at nothing; `seed` is of the draws of answers."""
        self.rows: Counter[str] = Counter()
        """By split."""
        self.tasks: Counter[tuple[str, str]] = Counter()
        """By task and split."""
        self.sources: Counter[Source] = Counter()
        self.makers: dict[Maker, Making] = {}
        self.answers: SeededSample[str] = SeededSample(_MANY, seed)
        """Of the whole corpus, drawn as `sampled_answers` draws."""
        self.weak = 0
        self.rendered = 0
        """Rows whose pictures show no person."""
        self.turns: Counter[int] = Counter()
        """By number of answers in the conversation."""
        self.labels: dict[str, Counter[tuple[str, bool]]] = {}
        """Label field → counts by value and whether a tool estimated it."""
        self.units: dict[tuple[int, bool], Counter[int]] = {}
        """Action unit and whether a tool estimated it → counts by rounded intensity, 0 to 5, and
        under `UNRATED`."""
        self.groups: dict[str, Counter[str]] = {}
        self._ids = Distinct()
        self._pictures = Distinct()
        self._subjects = {split: Distinct() for split in ("train", "val", "test")}

    def add(self, row: Row) -> None:
        """Count one row that was exported."""
        p = row.provenance
        self.rows[row.split] += 1
        self.tasks[row.task, row.split] += 1
        self.sources[Source(p.source, p.licence, p.consent)] += 1
        self.makers.setdefault(Maker(row.making.writer, row.making.teacher), Making()).add(row)
        self.weak += row.weak
        self.rendered += shows_nobody(row)
        texts = answers(row)
        self.turns[len(texts)] += 1
        for number, text in enumerate(texts):
            self.answers.add(f"{row.id}/{number}", text)
        self._ids.add(row.id)
        self._subjects[row.split].add(p.subject_id)
        for name in (*row.images, *row.videos):
            self._pictures.add(name)
        for labels in row.facts:
            self._add_labels(labels)

    def _add_labels(self, labels: FaceLabels) -> None:
        for field, value in plain_labels(labels):
            counts = self.labels.setdefault(field, Counter())
            counts[value, field.split(":")[0] in labels.weak] += 1
        alone = unrated(labels)
        for unit, intensity in (labels.action_units or {}).items():
            grades = self.units.setdefault((unit, "action_units" in labels.weak), Counter())
            grades[UNRATED if unit in alone else int(whole(intensity))] += 1
        for group, member in (labels.groups or {}).items():
            self.groups.setdefault(group, Counter())[member] += 1

    @property
    def total(self) -> int:
        """All rows."""
        return self.rows.total()

    @property
    def pictures(self) -> int:
        """Different pictures and videos."""
        return self._pictures.count()

    @property
    def repeated_ids(self) -> int:
        """Rows whose id another row has too; 0 in a sound corpus."""
        return len(self._ids) - self._ids.count()

    def persons_of_splits(self) -> dict[str, int]:
        """Different persons in each split that has any."""
        return {split: seen.count() for split, seen in self._subjects.items() if len(seen)}

    @property
    def persons(self) -> int:
        """Different persons in the corpus."""
        return len(np.unique(self._persons_by_split()))

    @property
    def shared_persons(self) -> int:
        """Persons who are in more than one split; 0 in a sound corpus."""
        return len(self._persons_by_split()) - self.persons

    def _persons_by_split(self) -> np.ndarray:
        """The hashes of each split's persons one after the other."""
        return np.concatenate([seen.unique() for seen in self._subjects.values()])

    def varied(self) -> dict[str, Diversity]:
        """Diversity of the answers of each writer."""
        texts: dict[str, list[str]] = {}
        for maker, making in sorted(self.makers.items()):
            texts.setdefault(maker.writer, []).extend(making.answers.values())
        return {writer: diversity(said) for writer, said in texts.items() if said}


def plain_labels(labels: FaceLabels) -> list[tuple[str, str]]:
    """Field and value of the labels that have few values; attributes as `attributes:NAME`."""
    found = []
    for field in ("emotion", "expression", "authentic", "manipulation"):
        value = getattr(labels, field)
        if value is not None:
            found.append((field, str(value)))
    if labels.age is not None:
        decade = int(labels.age // 10) * 10
        found.append(("age", f"{decade:02d}–{decade + 9:02d}"))
    for name, present in (labels.attributes or {}).items():
        found.append((f"attributes:{name}", str(present)))
    return found


def answers(row: Row) -> list[str]:
    """The assistant's texts of a row, in order."""
    return [
        "\n".join(part.text for part in message.content if part.text)
        for message in row.messages
        if message.role == "assistant"
    ]


def sampled_answers(rows: Iterable[Row], size: int = _MANY, seed: int = 0) -> list[str]:
    """Answers of a corpus, at most `size`, drawn by the rows' ids, to compare corpora by.

    Raises:
        FaceLLMError: no row has an answer.
    """
    sample: SeededSample[str] = SeededSample(size, seed)
    for row in rows:
        for number, text in enumerate(answers(row)):
            sample.add(f"{row.id}/{number}", text)
    if not sample.values():
        raise FaceLLMError("the corpus holds no answers; expected rows with assistant turns")
    return sample.values()
