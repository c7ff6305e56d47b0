"""How varied the texts of a corpus are, in numbers that two corpora can be compared by.

Every measure here depends on how many texts it looks at, so a number always comes with its n, and
`compare` measures both corpora on equally many.
"""

import heapq
import random
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Generic, TypeVar

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Record

T = TypeVar("T")
_WORD = re.compile(r"\w+(?:['’]\w+)?")


class Diversity(Record):
    """Lexical diversity of a set of texts."""

    n: int
    """Texts behind everything but self-BLEU."""
    distinct_1: float | None
    """Different words over all words, in [0, 1]; None where no text has a word."""
    distinct_2: float | None
    """Different pairs of neighbouring words over all pairs; None where there is no pair."""
    distinct_3: float | None
    """The same for three words."""
    self_bleu: float | None
    """Mean BLEU-4 of a text against the others of a sample, 0 (all different) to 100 (all equal);
    None for fewer than two texts."""
    self_bleu_n: int
    """Texts in that sample."""
    mean_words: float
    """Mean length in words."""
    duplicates: float
    """Share of texts that an earlier text equals, but for white space."""


class Comparison(Record):
    """Two corpora measured on equally many texts each."""

    baseline: Diversity
    other: Diversity


def diversity(texts: Sequence[str], bleu_sample: int = 100, seed: int = 0) -> Diversity:
    """Measure texts.

    Args:
        texts: at least one.
        bleu_sample: texts drawn for self-BLEU, whose cost grows with the square.
        seed: of that draw.

    Raises:
        FaceLLMError: no texts.
    """
    if not texts:
        raise FaceLLMError("no texts to measure the diversity of; expected at least one answer")
    words = [_WORD.findall(text.lower()) for text in texts]
    sample = list(texts)
    if len(sample) > bleu_sample:
        sample = random.Random(seed).sample(sample, bleu_sample)
    return Diversity(
        n=len(texts),
        distinct_1=distinct(words, 1),
        distinct_2=distinct(words, 2),
        distinct_3=distinct(words, 3),
        self_bleu=self_bleu(sample),
        self_bleu_n=len(sample),
        mean_words=sum(map(len, words)) / len(words),
        duplicates=1 - len({" ".join(text.split()) for text in texts}) / len(texts),
    )


def compare(
    baseline: Sequence[str], other: Sequence[str], bleu_sample: int = 100, seed: int = 0
) -> Comparison:
    """Measure two corpora, the larger one on a draw as large as the smaller one.

    Args:
        baseline: texts to compare with, such as those of templates alone.
        other: texts of the corpus.
        bleu_sample: as for `diversity`.
        seed: of all draws.

    Raises:
        FaceLLMError: one of them has no texts.
    """
    n = min(len(baseline), len(other))
    drawn = (
        list(texts) if len(texts) == n else random.Random(seed).sample(list(texts), n)
        for texts in (baseline, other)
    )
    measured = [diversity(texts, bleu_sample, seed) for texts in drawn]
    return Comparison(baseline=measured[0], other=measured[1])


def distinct(texts: Sequence[Sequence[str]], n: int) -> float | None:
    """Different n-grams over all n-grams of the tokenised texts; None where there are none.

    Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016.
    """
    grams = [tuple(t[i : i + n]) for t in texts for i in range(len(t) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def self_bleu(texts: Sequence[str]) -> float | None:
    """Mean sentence BLEU-4 of each text against all others as references, 0-100.

    Zhu et al., "Texygen", 2018; sacrebleu's 13a tokens, exponential smoothing and effective order.
    """
    from sacrebleu import sentence_bleu

    if len(texts) < 2:
        return None
    scores = [
        sentence_bleu(text, [*texts[:i], *texts[i + 1 :]]).score for i, text in enumerate(texts)
    ]
    return sum(scores) / len(scores)


class SeededSample(Generic[T]):
    """Keeps at most `size` of the things it is shown, chosen by the hash of their keys.

    Which ones are kept depends on the keys and the seed, not on the order they come in, so a
    corpus made by four workers gives the sample of one made by one.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self._seed = seed
        self._shown = 0
        self._kept: list[tuple[int, int, T]] = []

    def add(self, key: str, value: T) -> None:
        """Show one thing under a key of its own."""
        digest = blake2b(f"{self._seed}/{key}".encode(), digest_size=8).digest()
        # heapq keeps the smallest first: negated, that is the one to give way. The counter decides
        # between equal keys, whose values need not be comparable.
        self._shown += 1
        entry = (-int.from_bytes(digest, "big"), -self._shown, value)
        if len(self._kept) < self.size:
            heapq.heappush(self._kept, entry)
        elif self.size and entry[0] > self._kept[0][0]:
            heapq.heapreplace(self._kept, entry)

    def values(self) -> list[T]:
        """What was kept, in the order of the hashes."""
        return [value for _, _, value in sorted(self._kept, key=lambda e: e[:2], reverse=True)]
