"""Read an expression: one of the eight emotions, or one of the classes of any other protocol."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from eval.read.body import failure
from eval.read.labels import Vocabulary, label_from_json, misspelt, read_label
from eval.read.settle import ANSWER, FINAL, Kind, first_sentence, settle
from eval.read.words import ADVERBS, CODES, EMOTIONS_IN_WORDS
from facellm.core.emotions import EMOTIONS
from facellm.core.grammar import ParseFailure

_DOMINANT = re.compile(
    r"\b(?:primary|dominant|predominant|main) (?:emotion|expression)\s*(?:is|:|=)\s*", re.I
)
_MARK = re.compile(
    r"(?<![A-Za-z] )(?<![A-Za-z])(?:(?:facial )?expression|emotion|label|prediction|class|"
    r"表情|情绪|感情)\s*(?:[:=]|->|→)\s*",
    re.I,
)
_OPTION = re.compile(r"\A\s*\(?[A-H][.)]\s+(?=\w)")
"""The letter in front of a label, as in `Answer: D. Surprise`."""
_COMPANY = re.compile(r",?\s+(?:with|accompanied by|followed by)\b", re.I)
_EDGES = " \t\n\"'.,!:()[]"
_BASIC = Vocabulary(EMOTIONS_IN_WORDS, ADVERBS)


def read_expression(text: str, labels: Sequence[str] = EMOTIONS) -> str | ParseFailure:
    """The emotion that an answer in any style and one of several languages gives, as its noun.

    Args:
        text: the answer.
        labels: the protocol's emotions; an answer outside them is a failure that says so.
    """
    emotion = settle(text, _basic_kind())
    if isinstance(emotion, str) and emotion not in labels:
        return failure(f"{emotion} is outside the protocol's labels {', '.join(labels)}", text)
    return emotion


def read_class(
    text: str, classes: Sequence[str], aliases: Mapping[str, str] | None = None
) -> str | ParseFailure:
    """Which of arbitrary classes an answer gives, such as `happily surprised`.

    Args:
        text: the answer.
        classes: the classes' names; only they and the aliases are recognised.
        aliases: further phrases → class.
    """
    phrases = {**{name.lower(): name for name in classes}, **(aliases or {})}
    return settle(text, _kind(Vocabulary({k.lower(): v for k, v in phrases.items()}), {}))


@lru_cache(maxsize=1)
def _basic_kind() -> Kind[str]:
    return _kind(_BASIC, CODES)


def _kind(vocabulary: Vocabulary, codes: Mapping[str, str]) -> Kind[str]:
    def from_text(text: str) -> str | ParseFailure:
        word = text.strip(_EDGES).lower()
        if word in codes:
            return codes[word]
        label = read_label(text, vocabulary)
        return label if isinstance(label, str) else misspelt(word, vocabulary) or label

    def from_segment(segment: str) -> str | ParseFailure:
        return from_text(_COMPANY.split(segment)[0])

    return Kind(
        from_text=from_text,
        from_segment=from_segment,
        from_json=lambda value: label_from_json(value, vocabulary),
        final=(FINAL, _DOMINANT),
        marks=(ANSWER, _MARK),
        cut=lambda rest: first_sentence(
            _OPTION.sub("", rest, count=1) if _OPTION.match(rest) else rest
        ),
    )
