"""Read which one of a set of labels an answer gives; `expression` and `choice` build on it."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import lru_cache

from eval.read.loose_json import under
from eval.read.polarity import Mention, Polarity, Span, mentions, sentences
from eval.read.understood import not_understood
from facellm.core.grammar import ParseFailure

DOMINANT_KEYS = ("dominant_emotion", "primary_emotion", "main_emotion", "dominant_expression")
LABEL_KEYS = (
    "emotion", "expression", "facial_expression", "label", "answer", "final_answer", "prediction",
    "predicted_emotion", "class", "category", "result",
)  # fmt: skip
_CONCLUDES = re.compile(
    r"\A\s*(?:therefore|thus|hence|overall|in summary|in conclusion|to sum up|taken together|"
    r"altogether|so\b|insgesamt|also\b|donc|en resumen|因此|所以|总体)",
    re.I,
)


LONG = 6
"""Letters from which a misspelt word can be told from another word."""
ALIKE = 0.85
"""Share of letters in common, of both words; below it a word may be another one."""


class Vocabulary:
    """Phrases and the labels they stand for; the longest phrase counts where several match."""

    def __init__(self, phrases: Mapping[str, str], leading: Mapping[str, str] | None = None):
        """Prepare the search.

        Args:
            phrases: lower-case phrase → label.
            leading: words that count only directly before a phrase (`happily` before `surprised`).
        """
        self.phrases = dict(phrases)
        self.labels = tuple(dict.fromkeys(phrases.values()))
        self._leading = dict(leading or {})
        self._pattern = _alternatives(tuple(self.phrases))
        if leading:
            after = _alternatives(tuple(self.phrases))
            self._before = re.compile(rf"\b({'|'.join(leading)})\s+(?={after.pattern})", re.I)

    def spans(self, sentence: str) -> list[Span]:
        """Where a sentence mentions which label."""
        found = [
            Span(match.start(), match.end(), self.phrases[match[0].lower()])
            for match in self._pattern.finditer(sentence)
        ]
        if self._leading:
            found += [
                Span(match.start(1), match.end(1), self._leading[match[1].lower()])
                for match in self._before.finditer(sentence)
                if not any(span.start <= match.start() < span.end for span in found)
            ]
        return sorted(found)


@lru_cache(maxsize=64)
def _alternatives(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """All phrases, longest first; those in Latin and Arabic letters as whole words only."""
    ordered = sorted(phrases, key=len, reverse=True)
    parts = [
        rf"(?<![\w]){re.escape(p)}(?![\w])" if p.isascii() or "\u00c0" <= max(p) < "\u0250"
        else rf"(?:(?<![\w])|(?<=ال)){p}(?=[اة]?(?![\w]))" if "\u0600" <= max(p) < "\u0700"
        else re.escape(p)
        for p in ordered
    ]  # fmt: skip
    return re.compile("|".join(parts) or r"(?!)", re.I)


def fail(reason: str) -> ParseFailure:
    """A failure whose text the caller fills in."""
    return ParseFailure(reason=reason, text="")


def misspelt(word: str, vocabulary: Vocabulary) -> str | None:
    """The label of a long word that a whole answer misspells, as `hapiness`; None for others."""
    if len(word) < LONG or not word.isalpha():
        return None
    known = [p for p in vocabulary.phrases if len(p) >= LONG and p[0] == word[0]]
    labels = {vocabulary.phrases[p] for p in get_close_matches(word, known, 3, ALIKE)}
    return labels.pop() if len(labels) == 1 else None


def read_label(
    text: str, vocabulary: Vocabulary, known: Collection[str] = ()
) -> str | ParseFailure:
    """The one label a text states; a failure for none, several, or one that is only denied.

    What is merely possible counts where nothing is stated, or where the statement comes later.
    The last sentence that concludes (`Overall, …`) outdoes the sentences before it.
    """
    found = mentions(text, vocabulary.spans)
    for number, sentence in reversed(list(enumerate(sentences(text)))):
        if _CONCLUDES.match(sentence):
            here = [m for m in found if m.sentence >= number]
            if here:
                found = here
            break
    label = _only(found)
    reason = not_understood(text, found, known) if isinstance(label, str) else None
    return fail(reason) if reason else label


def _only(found: list[Mention]) -> str | ParseFailure:
    stated = [m for m in found if m.polarity is Polarity.STATED]
    tentative = [m for m in found if m.polarity is Polarity.TENTATIVE]
    if stated:
        first = stated[0].sentence
        tentative = [m for m in tentative if m.sentence >= first]
    labels = {m.key for m in (*stated, *tentative)}
    if any(m.key in labels and m.polarity is Polarity.DENIED for m in found):
        return fail("a label is both stated and denied")
    if len(labels) == 1:
        return labels.pop()
    if labels:
        return fail(f"several labels are named: {', '.join(sorted(labels))}")
    return fail("labels are named only to be denied" if found else "no label is named")


def label_from_json(value: object, vocabulary: Vocabulary) -> str | ParseFailure:
    """The one label of a JSON answer: a bare string, or under a key that names the answer."""
    if isinstance(value, str):
        return read_label(value, vocabulary)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        given: list[object] = list(value)
    else:
        given = list(under(value, DOMINANT_KEYS)) or list(under(value, LABEL_KEYS))
    if len(given) == 1 and isinstance(given[0], dict):
        return label_from_json(given[0], vocabulary)
    flat = [x for item in given for x in (item if isinstance(item, list | tuple) else [item])]
    if not flat:
        return fail("the JSON holds no answer")
    labels = set()
    for item in flat:
        label = read_label(item, vocabulary) if isinstance(item, str) else fail("no word")
        if isinstance(label, ParseFailure):
            return fail(f"the JSON's answer cannot be read: {label.reason}")
        labels.add(label)
    return labels.pop() if len(labels) == 1 else fail("the JSON names several labels")
