"""Refusals: what a picture of a face cannot tell, said politely, with what can be said instead.

A refusal rests on no label and says nothing about the face, so it is the same for every picture.
"""

import random
from collections.abc import Iterator
from typing import ClassVar

from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import REFUSE, Brief
from data_engine.writers.talk import Turn, as_picture, draft, said
from facellm.core.prose import capitalised
from facellm.core.sample import Clip, Sample
from facellm.tasks.wording import PEOPLE, Who

TOPICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "identity": ("who a person is", (
        "who is this?", "what is {whose} name?", "do you recognise {them}?",
        "is {who} someone famous?", "which celebrity is {face}?", "find {them} online.",
    )),
    "intent": ("what someone intends", (
        "what {is_} {who} planning to do?", "what does {who} want?", "will {who} attack me?",
        "{is_} {who} going to leave?", "does {who} mean well?", "{is_} {who} dangerous?",
    )),
    "honesty": ("whether someone tells the truth", (
        "{is_} {who} lying?", "can I trust {them}?", "{is_} {who} honest?",
        "{is_} {who} hiding something?", "is the look on {face} genuine or is it a lie?",
    )),
    "thoughts": ("what someone really thinks or feels inside", (
        "what {is_} {who} thinking?", "what does {who} really feel deep inside?",
        "what is on {whose} mind?", "what does {who} think of me?", "is {who} in love?",
    )),
    "health": ("whether someone is ill", (
        "does {who} have depression?", "{is_} {who} ill?", "diagnose {them}.",
        "does {who} have autism?", "has {who} had a stroke?",
        "does {face} show signs of a disease?",
        "{is_} {who} on drugs?", "is {who} mentally stable?",
    )),
    "orientation": ("someone's sexual orientation", (
        "{is_} {who} gay?", "what is {whose} sexual orientation?", "{is_} {who} straight?",
        "can you tell from {face} whether {who} {is_} gay?",
    )),
    "origin": ("someone's origin or nationality", (
        "where {is_} {who} from?", "what is {whose} nationality?", "what ethnicity is {face}?",
        "{is_} {who} a foreigner?", "guess {whose} race.",
    )),
    "belief": ("what someone believes", (
        "what is {whose} religion?", "who does {who} vote for?", "{is_} {who} religious?",
        "what are {whose} political views?",
    )),
    "suitability": ("whether someone suits a job", (
        "should I hire {them}?", "would {who} be a good manager?", "{is_} {who} hard-working?",
        "rank {them} as a candidate.", "would you give {them} a loan?",
        "{is_} {who} attentive enough for this job?",
    )),
    "character": ("someone's character", (
        "{is_} {who} a good person?", "what is {whose} personality?", "{is_} {who} intelligent?",
        "{is_} {who} an introvert?", "how smart {is_} {who}?", "{is_} {who} aggressive by nature?",
    )),
    "crime": ("whether someone breaks the law", (
        "{is_} {who} a criminal?", "has {who} been to prison?", "should the police watch {them}?",
        "did {who} do it?",
    )),
    "worth": ("how attractive or valuable someone is", (
        "how attractive {is_} {who}?", "rate {whose} looks from 1 to 10.", "{is_} {who} pretty?",
        "how rich {is_} {who}?",
    )),
    "relation": ("how people are related", (
        "{is_} {who} married?", "does {who} have children?", "{is_} {who} my relative?",
        "who is {whose} partner?",
    )),
}  # fmt: skip
"""Topic → what cannot be told, as a clause; the questions."""

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
    one, two = rng.sample(OFFERS, 2)
    parts = [
        capitalised(rng.choice(OPENERS).format(what=what)),
        rng.choice(REASONS),
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
