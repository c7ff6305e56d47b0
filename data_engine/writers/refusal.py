"""Refusals: what a picture of a face cannot tell, said politely, with what can be said instead.

A refusal rests on no label and says nothing about the face, so it is the same for every picture.
"""

import random
from collections.abc import Iterator
from typing import ClassVar

from data_engine.topics import THAT, TOPICS
from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import REFUSE, Brief
from data_engine.writers.talk import Turn, as_picture, draft, said
from facellm.core.prose import capitalised
from facellm.core.sample import Clip, Sample
from facellm.tasks.wording import PEOPLE, Who

UNNAMED = 0.5
"""Share of the refusals that call their topic "that": who asked knows what was asked."""
OPENERS = (
    "I can't tell {what} from a picture.", "A picture of a face does not show {what}.",
    "That I cannot answer: a face does not reveal {what}.",
    "I'm sorry, but {what} cannot be read from a face.",
    "I won't guess {what} from how a face looks.", "Sorry, {what} is not something a face shows.",
    "No picture can tell {what}, so I will not guess.",
    "I cannot say {what}; a face is no evidence for it.",
    "It is not possible to see {what} in a face.", "No picture of a face settles {what}.",
    "A photograph can't settle {what}.",
)  # fmt: skip
REASONS = (
    "", "", "", "Such guesses are often wrong and can do harm.",
    "A moment's look on a face says little about a person.",
    "Anything I said would be a stereotype.", "That would be unfair to the person.",
    "Only the person can answer that.",
)  # fmt: skip
INSTEAD = (
    "I can describe {one} and {two} instead.", "What I can do is describe {one}, or {two}.",
    "If it helps, I can tell you about {one} and {two}.", "Ask me about {one} or {two} instead.",
    "I can gladly describe {one} or {two}.", "What can be described is {one}, and also {two}.",
    "Would a description of {one} or {two} help?",
)  # fmt: skip
OFFERS = (
    "the visible expression", "which parts of the face move", "the action units and how strong "
    "they are", "how the head is held", "what the brows, eyes and mouth do", "how people would "
    "usually read this expression", "the facial movements", "the direction of the gaze",
)  # fmt: skip


_PEOPLE = tuple(who for who in PEOPLE if not who.who.endswith("face"))


def _someone(picture: Sample, face: int, rng: random.Random) -> Who:
    """The person, not the face: such questions are asked about people."""
    if len(picture.faces) == 1:
        return rng.choice(_PEOPLE)
    who = f"person {face}"
    return Who(who, "does", "is", "looks", f"{who}'s", f"{who}'s face", who)


def refuse(picture: Sample, face: int, rng: random.Random) -> Turn:
    """A question that a picture cannot answer, and a refusal that says what can be said."""
    topic = rng.choice(list(TOPICS))
    what, questions = TOPICS[topic]
    what = THAT if rng.random() < UNNAMED else what
    one, two = rng.sample(OFFERS, 2)
    reason = "" if topic == "elsewhere" else rng.choice(REASONS)
    parts = [
        capitalised(rng.choice(OPENERS).format(what=what)),
        reason,
        rng.choice(INSTEAD).format(one=one, two=two),
    ]
    question = said(rng, rng.choice(questions).format(**_someone(picture, face, rng)._asdict()))
    return Turn(question, " ".join(filter(None, parts)), "refusal", {"topic": topic}, Brief(REFUSE))


class Refusal(Writer):
    """Polite refusals; they need no labels and state none."""

    name: ClassVar[str] = "refusal"
    needs_labels: ClassVar[bool] = False

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Four refusals; none for a picture without faces."""
        picture = as_picture(item)
        for variant in range(4 * bool(picture.faces)):
            turn = refuse(picture, rng.randint(1, len(picture.faces)), rng)
            yield draft(self.name, [item], [turn], variant, facts=[])
