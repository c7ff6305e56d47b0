"""What no picture of a face can tell: topics, with questions that people ask about them."""

import re
from functools import lru_cache

THAT = "that"
"""Names any topic, after a question about it."""
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
    "elsewhere": (THAT, (
        "what should I cook tonight?", "write me a poem.", "what is the capital of France?",
        "how will the weather be tomorrow?", "tell me a joke.", "what time is it?",
        "what is two plus two?", "translate this into German.", "who won the match?",
        "how do I mend my bicycle?", "recommend a film.", "book a flight to Rome.",
        "what is the meaning of life?", "sing a song.", "how much is a ticket to London?",
        "explain gravity.", "play some music.", "give me a recipe for soup.",
        "who is the president?", "what does this word mean?", "write a program that sorts numbers.",
        "how tall is the tower?", "when does the train leave?", "what is in the news?",
    )),
}  # fmt: skip
"""Topic → what cannot be told, as a clause; the questions. `elsewhere` is about no face at all."""

_SLOT = re.compile(r"\\\{\w+\\\}")


def _asks(question: str) -> str:
    return _SLOT.sub(".+", re.escape(question.rstrip("?.")))


_ASKED = {
    topic: re.compile(rf"(?:{'|'.join(map(_asks, questions))})[?.]?", re.I)
    for topic, (_, questions) in TOPICS.items()
}


@lru_cache(1 << 12)
def asked_about(question: str) -> frozenset[str]:
    """The topics that a question of `TOPICS` belongs to; none for any other question."""
    return frozenset(topic for topic, asks in _ASKED.items() if asks.fullmatch(question.strip()))


def named_in(text: str) -> frozenset[str]:
    """The topics whose clause a text has word for word."""
    lower = text.lower()
    return frozenset(topic for topic, (what, _) in TOPICS.items() if what != THAT and what in lower)
