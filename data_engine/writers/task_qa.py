"""Single questions of every task, in both registers, with the answer a good model would give."""

import random
from collections.abc import Iterator
from typing import ClassVar

from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import PROSE, THINK, Brief
from data_engine.writers.meaning import carries
from data_engine.writers.presence import QUESTIONS, RATED_TASKS, unrated
from data_engine.writers.talk import Turn, as_picture, draft
from data_engine.writers.truth import truth_of, weak_for
from facellm.core.prose import listing
from facellm.core.sample import Clip, FaceLabels, Sample
from facellm.tasks import TASKS
from facellm.tasks.response import Register, Unanswerable
from facellm.tasks.stated import StatedTask
from facellm.tasks.wording import ask

ELSEWHERE = ("comparison", "dynamics")
"""Tasks that have writers of their own."""
MISSING_SHARE = 0.03
"""Share of the questions that ask about a face which the picture does not show."""
SENTENCES = "Answer the user's question about the face in one to four sentences."


def ask_task(
    name: str, picture: Sample, rng: random.Random, face: int, register: Register
) -> Turn | None:
    """One turn of a task about the face with this number from 1; None without its labels.

    Where units are unrated, what asks for their strength is asked in prose and for presence.
    """
    alone = name in RATED_TASKS and face <= len(picture.faces) and unrated(_labels(picture, face))
    exchange = TASKS[name].exchange(picture, rng, face, "prose" if alone else register)
    if exchange is None:
        return None
    if name == "reasoning" and face <= len(picture.faces) and not carries(_labels(picture, face)):
        return None
    if isinstance(exchange.answer, Unanswerable):
        return Turn(exchange.question, exchange.text, name, truth_of(exchange.answer))
    labels, question, told = _labels(picture, face), exchange.question, None
    if alone and name == "action_units":
        units = listing([f"AU{n}" for n in sorted(labels.action_units or {})])
        question = ask(rng, len(picture.faces), face, QUESTIONS, units=units)
    if not exchange.text.startswith("<answer>") and not isinstance(TASKS[name], StatedTask):
        form = THINK if exchange.text.startswith("<think>") else PROSE
        told = Brief(SENTENCES, [labels], form)
    truth, weak = truth_of(exchange.answer), weak_for(name, labels)
    return Turn(question, exchange.text, name, truth, told, weak)


def _labels(picture: Sample, face: int) -> FaceLabels:
    return picture.faces[face - 1].labels


class TaskQA(Writer):
    """One question, one answer, for every task in random order."""

    name: ClassVar[str] = "task_qa"

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Two rounds over the tasks; among several faces one is drawn for each question."""
        picture, count = as_picture(item), len(as_picture(item).faces)
        if not count:
            return
        off = ELSEWHERE if self.style.apparent_age else ("age", *ELSEWHERE)
        names = [name for name in TASKS if name not in off]
        for variant, name in enumerate(rng.sample(names, len(names)) * 2):
            face = rng.randint(1, count)
            turn = ask_task(name, picture, rng, face, self.register(rng))
            if turn is None:
                continue
            graded = name not in RATED_TASKS or not unrated(_labels(picture, face))
            if isinstance(item, Sample) and graded and rng.random() < MISSING_SHARE:
                turn = ask_task(name, picture, rng, count + rng.randint(1, 2), self.register(rng))
                assert turn is not None, "a missing face needs no labels"
            yield draft(self.name, [item], [turn], variant)
