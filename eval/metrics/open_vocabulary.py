"""Emotions in open words: the hit rate, and the set measure over emotion wheels of MER-UniBench.

A wheel sorts words into clusters; two words of one cluster mean the same. The user supplies the
wheels as JSON, since the published ones carry their own terms:

    {"wheels": {"plutchik": {"joy": ["joy", "happy", "serene"], "fear": ["fear", "terror"]}},
     "forms": {"happiness": "happy"}, "synonyms": {"glad": "happy"}}

A word is looked up as `forms`, then `synonyms`, then cluster. Words in no cluster drop out, as in
the benchmark; `known` says how many did not, since dropping them favours safe words.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from eval.statistics import Clusters, Floats, ratio, same_length
from facellm.core.errors import FaceLLMError
from facellm.core.grammar import first_error
from facellm.core.sample import Record
from facellm.core.statistics import Interval


class Wheels(Record):
    """Emotion wheels with the tables that bring words to them; all words in lower case."""

    wheels: dict[str, dict[str, list[str]]] = Field(min_length=1)
    """Wheel → cluster → words."""
    forms: dict[str, str] = Field(default_factory=dict)
    """Inflected word → base word."""
    synonyms: dict[str, str] = Field(default_factory=dict)
    """Base word → word of a wheel."""

    def clusters(self, wheel: str, words: Iterable[str]) -> set[str]:
        """The clusters of a wheel that some words fall into."""
        table = {word: name for name, cluster in self.wheels[wheel].items() for word in cluster}
        return {table[word] for word in map(self.canonical, words) if word in table}

    def canonical(self, word: str) -> str:
        """A word as the wheels write it, where the tables know it."""
        base = word.strip().lower()
        base = self.forms.get(base, base)
        return self.synonyms.get(base, base)


def read_wheels(path: Path) -> Wheels:
    """Read the wheels' file.

    Raises:
        FaceLLMError: a missing file, or one that is not of this form.
    """
    if not path.is_file():
        raise FaceLLMError(
            f"no emotion wheels at {path}; expected JSON with wheels, forms and synonyms"
        )
    try:
        return Wheels.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise FaceLLMError(f"{path} holds no emotion wheels: {first_error(error)}") from None


def hit_rate(
    predicted: Sequence[Iterable[str] | None],
    gold: Sequence[str],
    subjects: Sequence[str],
    wheels: Wheels | None = None,
) -> dict[str, Interval]:
    """`hit`: the share of samples whose one label is among the answered words.

    Words are compared as the wheels' tables write them, without wheels in lower case. No answer
    (None) is a miss; a long list of words hits more often, so read it with `words`, their number.
    """
    same_length(predictions=predicted, labels=gold, subjects=subjects)
    clusters = Clusters(subjects)
    canonical = wheels.canonical if wheels is not None else (lambda word: word.strip().lower())
    said = [{canonical(word) for word in words or ()} for words in predicted]
    return {
        "hit": clusters.mean(
            [canonical(g) in words for words, g in zip(said, gold, strict=True)], share=True
        ),
        "words": clusters.mean([len(words) for words in said]),
        "answered": clusters.mean([words is not None for words in predicted], share=True),
    }


def wheel_sets(
    predicted: Sequence[Iterable[str] | None],
    gold: Sequence[Iterable[str]],
    subjects: Sequence[str],
    wheels: Wheels,
) -> dict[str, Interval]:
    """How well sets of words agree on each wheel, and on average over the wheels.

    Per sample precision is |Y ∩ Ŷ| / |Ŷ| and recall |Y ∩ Ŷ| / |Y| over clusters; both are 0 for no
    answer or none on the wheel, and samples whose labels are not on the wheel are left out. They
    are averaged over samples first; F = 2PR / (P + R) of the averages, and 0 where both are 0.

    Returns:
        `f`, `precision`, `recall`: means over the wheels; `f/NAME`: of one wheel; `known`: share
        of the answered words that lie on some wheel.
    """
    same_length(predictions=predicted, labels=gold, subjects=subjects)
    clusters = Clusters(subjects)
    said = [list(words or ()) for words in predicted]
    labels = [list(words) for words in gold]
    per_wheel = {name: _one_wheel(clusters, said, labels, wheels, name) for name in wheels.wheels}
    overall = np.mean(list(per_wheel.values()), axis=0)
    known = [[_on_some_wheel(word, wheels) for word in words] for words in said]
    sums = clusters.sums([[sum(k), len(k)] for k in known])
    spoke = np.asarray([len(k) > 0 for k in known], dtype=bool)
    return {
        "precision": clusters.interval(overall[:, 0]),
        "recall": clusters.interval(overall[:, 1]),
        "f": clusters.interval(overall[:, 2]),
        **{f"f/{name}": clusters.interval(values[:, 2]) for name, values in per_wheel.items()},
        "known": clusters.interval(ratio(sums[:, 0], sums[:, 1]), spoke),
    }


def _on_some_wheel(word: str, wheels: Wheels) -> bool:
    return any(wheels.clusters(name, [word]) for name in wheels.wheels)


def _one_wheel(
    clusters: Clusters, said: list[list[str]], labels: list[list[str]], wheels: Wheels, name: str
) -> Floats:
    """Precision, recall and F over every draw (D, 3)."""
    rows = []
    for words, truth in zip(said, labels, strict=True):
        stated, real = wheels.clusters(name, words), wheels.clusters(name, truth)
        both = len(stated & real)
        precision = both / len(stated) if stated else 0.0
        rows.append([precision, both / len(real), 1.0] if real else [0.0, 0.0, 0.0])
    sums = clusters.sums(np.asarray(rows, dtype=np.float64).reshape(-1, 3))
    p, r = ratio(sums[:, 0], sums[:, 2]), ratio(sums[:, 1], sums[:, 2])
    f = np.where(p + r > 0, ratio(2 * p * r, p + r), np.where(np.isnan(p), np.nan, 0.0))
    return np.column_stack([p, r, f])
