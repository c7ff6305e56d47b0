"""Known answers, with the arithmetic, and what must not matter."""

import random

import pytest

from data_engine.diversity import SeededSample, compare, distinct, diversity, self_bleu
from facellm.core.errors import FaceLLMError


def test_distinct_counts_ngrams_over_all_texts() -> None:
    texts = [["a", "b", "a"], ["a", "b"]]
    assert distinct(texts, 1) == pytest.approx(2 / 5)  # {a, b} of a b a a b
    assert distinct(texts, 2) == pytest.approx(2 / 3)  # {ab, ba} of ab ba ab; none across texts
    assert distinct(texts, 3) == 1.0  # {aba} of aba
    assert distinct(texts, 4) is None


def test_self_bleu_of_two_that_differ_in_the_last_word() -> None:
    # Each against the other: 4/5 words, 3/4 pairs, 2/3 triples, 1/2 fours, no brevity penalty:
    # (0.8 * 0.75 * 0.6667 * 0.5) ** 0.25 = 0.2 ** 0.25 = 0.66874.
    assert self_bleu(["a b c d e", "a b c d f"]) == pytest.approx(66.874, abs=1e-3)


def test_self_bleu_at_both_ends() -> None:
    assert self_bleu(["the same words here"] * 3) == pytest.approx(100)
    assert self_bleu(["one two three four", "five six seven eight"]) == 0
    assert self_bleu(["alone"]) is None


def test_everything_at_once() -> None:
    got = diversity(["The brows rise.", "the brows  rise.", "The brows rise.", "It smiles"])
    assert got.n == got.self_bleu_n == 4
    assert got.mean_words == (3 + 3 + 3 + 2) / 4
    assert got.distinct_1 == pytest.approx(5 / 11)  # the brows rise it smiles
    assert got.distinct_2 == pytest.approx(3 / 7)  # the_brows brows_rise it_smiles
    # Spaces do not tell texts apart, capitals do: "The…", "the…", "It…" are 3 of 4.
    assert got.duplicates == pytest.approx(1 - 3 / 4)


def test_texts_without_words_have_no_ratio() -> None:
    got = diversity(["…", "!"])
    assert got.distinct_1 is None and got.distinct_3 is None and got.mean_words == 0


def test_no_texts_is_an_error() -> None:
    with pytest.raises(FaceLLMError, match="no texts"):
        diversity([])
    with pytest.raises(FaceLLMError, match="no texts"):
        compare(["a"], [])


def test_corpora_are_compared_on_equally_many_texts() -> None:
    varied = [f"w{n} x{n} y{n} z{n}" for n in range(300)]
    got = compare(["always the same text"] * 40, varied, bleu_sample=10)
    assert got.baseline.n == got.other.n == 40
    assert got.baseline.self_bleu_n == got.other.self_bleu_n == 10
    assert got.baseline.duplicates == 39 / 40 and got.other.duplicates == 0
    assert got.baseline.self_bleu == pytest.approx(100) and got.other.self_bleu == 0
    assert got == compare(["always the same text"] * 40, varied, bleu_sample=10)


def test_a_seeded_sample_does_not_depend_on_the_order() -> None:
    keys = [str(n) for n in range(500)]
    first: SeededSample[str] = SeededSample(20)
    for key in keys:
        first.add(key, key)
    random.Random(1).shuffle(keys)
    again: SeededSample[str] = SeededSample(20)
    other: SeededSample[str] = SeededSample(20, seed=1)
    for key in keys:
        again.add(key, key)
        other.add(key, key)
    assert first.values() == again.values() != other.values()
    assert len(set(first.values())) == 20
    # Not the first ones of anything: over 500 keys the mean is near 250.
    assert 150 < sum(map(int, first.values())) / 20 < 350


def test_a_sample_of_fewer_keeps_all_and_of_none_keeps_none() -> None:
    small: SeededSample[int] = SeededSample(5)
    none: SeededSample[int] = SeededSample(0)
    for n in range(3):
        small.add(str(n), n)
        none.add(str(n), n)
    assert sorted(small.values()) == [0, 1, 2] and none.values() == []


def test_equal_keys_need_no_comparable_values() -> None:
    sample: SeededSample[object] = SeededSample(3)
    for _ in range(5):
        sample.add("same", object())
    assert len(sample.values()) == 3
