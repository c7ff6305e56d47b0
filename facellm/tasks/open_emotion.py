"""Emotions in open words: `<answer>{"emotions": ["pleasure", "relief"]}</answer>`.

As in the open-vocabulary tracks of MER (Lian et al., MER-UniBench): any words, any number of them.
Here words are the same where they name one category of EmoNet-Face or one of the eight emotions
(`angry` is `anger`), which needs no file; a benchmark with `wheels` adds the published measures.
"""

import random
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from facellm.core.emotions import ALIASES, EMONET_WORDS, emotion_words
from facellm.core.prose import listing
from facellm.core.read_prose import NEGATIONS
from facellm.core.sample import FaceLabels, Record
from facellm.core.statistics import Interval, cluster_mean
from facellm.tasks.base import Score, Scored, answered
from facellm.tasks.stated import Sentences, StatedTask

LIMIT = 12
"""Words in one answer at most: a longer list names everything."""
WORDS = 4
"""Words that one emotion's name has at most, as in `altered states of consciousness`."""
NO_EMOTION = NEGATIONS | frozenset((
    "or", "either", "maybe", "perhaps", "possibly", "the", "a", "an", "is", "are", "be", "this",
    "that", "it", "face", "person", "here", "visible", "unknown", "unclear", "hard", "any", "none",
    "unable", "cannot", "sorry", "mixed", "emotion", "emotions", "both",
))  # fmt: skip
"""Words that stand in no emotion's name; with them a sentence says something else."""
_WORD = r"[^\W\d_]+(?:['-][^\W\d_]+)*"
_NAME = rf"{_WORD}(?: {_WORD}){{0,{WORDS - 1}}}"


def names_emotion(word: str) -> bool:
    """Whether this can be the name of an emotion: one or two plain words, or a known name."""
    parts = word.split()
    known = word in EMONET_WORDS or (0 < len(parts) <= 2 and NO_EMOTION.isdisjoint(parts))
    return known and re.fullmatch(_NAME, word) is not None


def same_emotion(word: str) -> str:
    """What stands for all words of the same emotion: its category, its noun, or the word itself."""
    return EMONET_WORDS.get(word) or ALIASES.get(word) or word


class OpenEmotionAnswer(Record):
    """Emotions of one face in any words."""

    emotions: tuple[Annotated[str, StringConstraints(strict=True)], ...] = Field(
        min_length=1, max_length=LIMIT
    )
    """Words in lower case, each once; `a/b` and `a and b` are two."""

    @field_validator("emotions")
    @classmethod
    def _words(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(word for value in values for word in emotion_words(value)))
        wrong = next((word for word in words if not names_emotion(word)), None)
        if wrong is not None or not words:
            raise ValueError(f"{wrong or ''!r} is no name of an emotion")
        return words

    @property
    def meanings(self) -> frozenset[str]:
        """The emotions behind the words; words for the same one count once."""
        return frozenset(same_emotion(word) for word in self.emotions)


@lru_cache(1 << 10)  # a corpus has few different labels and asks for each again and again
def _answer_of(label: str) -> OpenEmotionAnswer | None:
    words = emotion_words(label)
    if not words or len(words) > LIMIT or not all(map(names_emotion, words)):
        return None
    return OpenEmotionAnswer(emotions=words)


class OpenEmotionTask(StatedTask[OpenEmotionAnswer]):
    """Name the emotions of a face in one's own words."""

    name = "open_emotion"
    schema = record = OpenEmotionAnswer
    canonical = "Which emotions does {face} show, in your own words?"
    suffix = "Answer with the emotions as a list of words as JSON."
    asks = (
        "Name every emotion that {face} shows.",
        "Which feelings would people read in {face}?",
        "Which emotion words fit {face}?",
    )
    prose_questions = (
        "which emotion words fit {face}?", "what emotions {does} {who} show, in your own words?",
        "list the emotions you see in {face}.", "which words describe {whose} emotion?",
        "emotion words?", "give me emotion words for {face}.",
        "how would you name {whose} emotions?", "name all emotions of {face}.",
        "in free words, which emotions {does} {who} show?", "what emotions can be read in {face}?",
        "which shades of emotion {does} {who} show?", "put {whose} emotions into words.",
    )  # fmt: skip
    sentences = Sentences(
        "The face shows {emotions}.",
        "Emotions that can be seen: {emotions}.",
        "The expression reads as {emotions}.",
        "In words: {emotions}.",
        "I would call it {emotions}.",
        "People would read {emotions} in this face.",
        "What shows is {emotions}.",
        "The emotions are {emotions}.",
        "The fitting words: {emotions}.",
        emotions=rf"{_NAME}(?:, {_NAME})*(?: and {_NAME})?",
    )

    def known(self, labels: FaceLabels) -> OpenEmotionAnswer | None:
        """The words of the source's own class, else of the emotion."""
        label = labels.expression or labels.emotion
        return None if label is None else _answer_of(label)

    def to_json(self, answer: OpenEmotionAnswer) -> dict[str, object]:
        """The words as a list."""
        return {"emotions": list(answer.emotions)}

    def say(self, answer: OpenEmotionAnswer, rng: random.Random) -> str:
        """One sentence that lists the words."""
        return self.sentences.write(rng, emotions=listing(answer.emotions))

    def hear(self, text: str) -> dict[str, object] | None:
        """The words of a sentence."""
        slots = self.sentences.read(text)
        return None if slots is None else {"emotions": list(emotion_words(slots["emotions"]))}

    def compare(self, prediction: OpenEmotionAnswer | None, gold: OpenEmotionAnswer) -> Score:
        """F1 of the two sets of emotions; parts are their precision, recall and F1."""
        said = frozenset() if prediction is None else prediction.meanings
        both, gold_ = len(said & gold.meanings), len(gold.meanings)
        f1 = 2.0 * both / (len(said) + gold_)
        parts = {"precision": both / len(said) if said else 0.0, "recall": both / gold_, "f1": f1}
        return Score(value=f1, parts={**parts})

    def metrics(self, scored: Sequence[Scored[OpenEmotionAnswer]]) -> dict[str, Interval]:
        """Add the hit rate and means over samples.

        Returns:
            `hit`: share of samples with at least one of the gold's emotions among the answered
            words, to be read with `words`, their mean number, since long lists hit more often;
            `precision`, `recall`; `answered`.
        """
        pairs = answered(scored)
        who = [subject for *_, subject in pairs]
        said = [frozenset() if p is None else p.meanings for p, _, _ in pairs]
        hits = [float(bool(m & g.meanings)) for m, (_, g, _) in zip(said, pairs, strict=True)]
        return {
            **super().metrics(scored),
            "hit": cluster_mean(who, hits, share=True),
            **self.part_means(scored, ("precision", "recall")),
            "words": cluster_mean(who, [float(len(m)) for m in said]),
            "answered": cluster_mean(who, [float(p is not None) for p, _, _ in pairs], share=True),
        }
