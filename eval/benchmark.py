"""A benchmark: a task, a corpus, a split and a way of asking, drawn the same on every machine.

samples.jsonl ── split, faces ──▶ task.question / task.target ──▶ Question (id, text, gold)

A face can be asked about several times: in other wordings (`variants`) and in the mirrored picture
(`mirrored`). Such questions, and pictures that belong together, are drawn together or not at all.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from eval.clips import read_corpus
from eval.corruptions import parse
from eval.metrics.open_vocabulary import read_wheels
from eval.pairs import sets_of
from eval.question import MIRROR, Question, Shots
from facellm.core.errors import FaceLLMError, given
from facellm.core.recipe import Part
from facellm.core.sample import Clip, Sample
from facellm.tasks import TASKS

SIDELESS = ("expression", "action_units", "reasoning")
"""Tasks whose gold answers stay true when a picture is mirrored and however they are asked."""
DRAWN = ("region_question", "attributes", "comparison")
"""Tasks whose questions name what they ask about; their canonical style is one of the wordings."""
TRIES = 200
"""Wordings drawn before a task counts as having no more."""


class Benchmark(Part):
    """What is asked about which faces."""

    name: str = Field(pattern=r"^[\w.-]+$")
    task: str
    """A task of `facellm.tasks`."""
    corpus: Path
    """Folder with `samples.jsonl`, `clips.jsonl` or both."""
    split: Literal["train", "val", "test", "all"] = "test"
    style: Literal["canonical", "varied", "prose"] = "canonical"
    """The task's one fixed question, one of its wordings, or one as people chat."""
    limit: int | None = Field(default=None, gt=0)
    """At most so many questions, drawn at random; sets of pictures are drawn whole."""
    seed: int = 0
    emotions: tuple[str, ...] | None = None
    """Ask only about faces whose label is one of these; None takes all."""
    grounding: bool | Literal["occlusion"] = False
    """Also compare where our own models look with the masks of the units' regions; `occlusion`:
    and what any model's answers depend on, by hiding parts of some faces; see `eval.occlusion`."""
    wheels: Path | None = None
    """Emotion wheels as JSON, for `open_emotion`: adds the measures of MER-UniBench."""
    corruption: str = ""
    """Spoil every picture first, such as `blur:3`; see `eval.corruptions`."""
    variants: int = Field(default=1, gt=0)
    """Ask about each face in so many different wordings; needs a style that has several."""
    mirrored: bool = False
    """Ask about each face once more in the mirrored picture."""
    frames: int = Field(default=16, gt=0)
    """Of a clip, at most so many frames are shown to a model."""
    sampling: Literal["uniform", "peaks"] = "uniform"
    """Which frames of a clip: evenly from its first to its last, or where most moves."""

    @model_validator(mode="after")
    def _possible(self) -> "Benchmark":
        if self.corruption:
            parse(self.corruption)
        if self.wheels is not None:
            if self.task != "open_emotion":
                raise ValueError(f"wheels need the task open_emotion, not {self.task}")
            read_wheels(self.wheels)
        again = self.variants > 1 or self.mirrored
        if again and self.task not in SIDELESS:
            raise ValueError(
                f"variants and mirrored need one of the tasks {', '.join(SIDELESS)}: "
                f"the gold of {self.task} changes with the wording or with the sides"
            )
        if self.variants > 1 and self.style == "canonical":
            raise ValueError("the canonical style has one wording; take varied or prose")
        if self.mirrored and self.corruption:
            raise ValueError("mirrored compares with the stored picture; leave corruption away")
        return self

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
        samples, clips = self._samples()
        asked = [question for sample in samples for question in self._about(sample)]
        if not asked:
            raise FaceLLMError(
                f"benchmark {self.name}: none of the {len(samples)} pictures in split "
                f"{self.split!r} of {self.corpus} has the labels that {self.task} needs"
            )
        if clips and self.grounding:
            raise FaceLLMError(
                f"benchmark {self.name}: grounding needs pictures, and {self.corpus} has "
                f"{len(clips)} clips in split {self.split!r}; leave grounding away"
            )
        asked = [
            question._replace(shots=Shots(clips[question.sample.id], self.frames, self.sampling))
            if question.sample.id in clips
            else question
            for question in asked
        ]
        return asked if self.limit is None else self._drawn(asked, self.limit)

    def _drawn(self, asked: list[Question], limit: int) -> list[Question]:
        """Whole sets of questions in a random order, as long as they fit."""
        belongs = sets_of(self.corpus, [question.sample for question in asked])
        sets: dict[str, list[Question]] = {}
        for question in asked:
            name = belongs.get(question.sample.id, question.about)
            sets.setdefault(name, []).append(question)
        names = sorted(sets)
        random.Random(self.seed).shuffle(names)
        chosen: set[str] = set()
        for name in names:
            if len(chosen) + len(sets[name]) <= limit:
                chosen.update(question.id for question in sets[name])
        if not chosen:
            raise FaceLLMError(
                f"benchmark {self.name}: a limit of {limit} is less than the "
                f"{min(map(len, sets.values()))} questions that belong together"
            )
        return [question for question in asked if question.id in chosen]

    def _samples(self) -> tuple[list[Sample], dict[str, Clip]]:
        """The samples of the split, and the clips among them by their ids."""
        clips: dict[str, Clip] = {}
        chosen: dict[str, Sample] = {}
        splits: dict[str, int] = {}
        for sample, clip in read_corpus(self.corpus):
            splits[sample.split] = splits.get(sample.split, 0) + 1
            if self.split not in ("all", sample.split):
                continue
            if sample.id in chosen:
                raise FaceLLMError(
                    f"benchmark {self.name}: sample {sample.id} is in {self.corpus} twice "
                    f"({chosen[sample.id].image} and {sample.image}); remove duplicates first"
                )
            chosen[sample.id] = sample
            if clip is not None:
                clips[sample.id] = clip
        if not chosen:
            there = ", ".join(f"{name} ({count})" for name, count in splits.items()) or "none"
            raise FaceLLMError(
                f"benchmark {self.name}: {self.corpus} has no sample in split {self.split!r}; "
                f"its splits are {there}"
            )
        return list(chosen.values()), clips

    def _about(self, sample: Sample) -> Iterator[Question]:
        for face, record in enumerate(sample.faces, 1):
            if self.emotions is not None and record.labels.emotion not in self.emotions:
                continue
            yield from self._ask(sample, face)
        if not sample.faces and self.emotions is None:
            yield from self._ask(sample, 1)

    def _ask(self, sample: Sample, face: int) -> Iterator[Question]:
        key = f"{sample.id}/{face}"
        asked = self._wordings(sample, face, key)
        for n, question in enumerate(asked, 1):
            yield question if self.variants == 1 else question._replace(id=f"{key}/{n}")
        if asked and self.mirrored:
            yield self._in_the_mirror(asked[0], key)

    def _wordings(self, sample: Sample, face: int, key: str) -> list[Question]:
        """The questions about a face, each in other words; none where its labels are missing."""
        asked: dict[str, Question] = {}
        for n in range(TRIES):
            seed = f"{self.seed}/{key}/{n}" if n else f"{self.seed}/{key}"
            question = self._question(sample, face, key, random.Random(seed))
            if question is None:
                return []
            asked.setdefault(question.text, question)
            if len(asked) == self.variants:
                return list(asked.values())
        raise FaceLLMError(
            f"benchmark {self.name}: {self.task} has {len(asked)} wordings of style {self.style} "
            f"for {key}, not {self.variants}; lower variants"
        )

    def _question(self, sample: Sample, face: int, key: str, rng: random.Random) -> Question | None:
        task = TASKS[self.task]
        exchange = task.exchange(sample, rng, face, "prose" if self.style == "prose" else "task")
        if exchange is None:
            return None
        text = exchange.question
        if self.style == "canonical" and self.task not in DRAWN:
            text = task.canonical_question(face if len(sample.faces) > 1 else None)
        return Question(
            key, sample, face, self.corpus, text, exchange.answer, self.corruption, self.task
        )

    def _in_the_mirror(self, question: Question, key: str) -> Question:
        """The same question about the mirrored picture, where faces are counted the other way."""
        faces = question.sample.faces
        turned = question.sample.model_copy(update={"faces": faces[::-1]})
        place = len(faces) + 1 - question.face if faces else question.face
        asked = self._question(turned, place, key, random.Random(f"{self.seed}/{key}"))
        assert asked is not None, "the labels are those of the picture itself"
        return question._replace(id=f"{key}/{MIRROR}", text=asked.text, corruption=MIRROR)
