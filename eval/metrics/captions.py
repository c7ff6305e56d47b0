"""Descriptions of faces: facts first, words second.

What a description states is read by the caption task's own parser and compared with the labels.
Overlap of words (ROUGE-L, BLEU) rewards sounding like the reference; it stands beside the facts.
"""

from collections.abc import Sequence

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from eval.statistics import Clusters, ratio, same_length
from facellm.core.errors import FaceLLMError
from facellm.core.grammar import ParseFailure
from facellm.core.statistics import Interval
from facellm.tasks.caption import CaptionAnswer, CaptionTask
from facellm.tasks.response import Unanswerable

Facts = set[str]


def stated_facts(text: str) -> Facts | None:
    """What a description states: `emotion:…`, `AU…`, `pose:…`; None for one that cannot be read."""
    answer = CaptionTask().parse(text)
    if isinstance(answer, ParseFailure | Unanswerable):
        return None
    return facts_of(answer)


def facts_of(answer: CaptionAnswer) -> Facts:
    """The facts of a caption or of gold labels, as comparable words."""
    units = {f"AU{n}" for n in answer.units or ()}
    pose = {f"pose:{fact}" for fact in answer.pose or ()}
    return units | pose | ({f"emotion:{answer.emotion}"} if answer.emotion else set())


def fact_agreement(
    stated: Sequence[Facts | None],
    gold: Sequence[CaptionAnswer],
    subjects: Sequence[str],
) -> dict[str, Interval]:
    """Precision, recall and F1 of the facts, counted over all samples.

    Only facts about which the gold knows something count: units it rates and does not hold for
    optional, the emotion and the pose where labelled. A text that cannot be read states nothing.

    Returns:
        `facts/precision`, `facts/recall`, `facts/f1` and the same for `units`, `emotion`, `pose`;
        `readable`: the share of texts that could be read.
    """
    same_length(descriptions=stated, labels=gold, subjects=subjects)
    clusters = Clusters(subjects)
    kinds = ("facts", "units", "emotion", "pose")
    rows = [_counts(s or set(), g) for s, g in zip(stated, gold, strict=True)]
    sums = clusters.sums(np.asarray(rows, dtype=np.float64).reshape(len(rows), -1))
    found: dict[str, Interval] = {}
    for i, kind in enumerate(kinds):
        hits, said, real = (sums[:, 3 * i + j] for j in range(3))
        found[f"{kind}/precision"] = clusters.interval(ratio(hits, said))
        found[f"{kind}/recall"] = clusters.interval(ratio(hits, real))
        found[f"{kind}/f1"] = clusters.interval(ratio(2 * hits, said + real))
    found["readable"] = clusters.mean([s is not None for s in stated], share=True)
    return found


def _counts(stated: Facts, gold: CaptionAnswer) -> list[float]:
    """Hits, stated and real facts: of all kinds, then units, emotion, pose."""
    real = facts_of(gold)
    counted = {fact for fact in stated if _rated(fact, gold)}
    rows = []
    for test in ("", "AU", "emotion:", "pose:"):
        said = {fact for fact in counted if fact.startswith(test)}
        true = {fact for fact in real if fact.startswith(test)}
        rows += [len(said & true), len(said), len(true)]
    return [float(count) for count in rows]


def _rated(fact: str, gold: CaptionAnswer) -> bool:
    if fact.startswith("emotion:"):
        return gold.emotion is not None
    if fact.startswith("pose:"):
        return gold.pose is not None
    number = int(fact[2:])
    if gold.units is None or number in gold.optional:
        return False
    return gold.rated is None or number in gold.rated


def overlap(
    texts: Sequence[str | None], references: Sequence[str], subjects: Sequence[str]
) -> dict[str, Interval]:
    """`rouge_l` (F of the longest common subsequence, mean) and `bleu` (of the corpus), in [0, 1].

    rouge-score with stemming, sacrebleu with its default tokeniser (13a) and smoothing; no text
    (None) scores 0. Draws of BLEU add up the n-gram counts of the drawn samples.
    """
    same_length(texts=texts, references=references, subjects=subjects)
    if any(not reference.strip() for reference in references):
        raise FaceLLMError("a reference text is empty; leave samples without a reference out")
    clusters = Clusters(subjects)
    return {
        "rouge_l": clusters.mean(rouge_l(texts, references), share=True),
        "bleu": _bleu(clusters, texts, references),
    }


def rouge_l(texts: Sequence[str | None], references: Sequence[str]) -> list[float]:
    """ROUGE-L F of each text, 0 for no text."""
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return [
        float(scorer.score(reference, text or "")["rougeL"].fmeasure)
        for text, reference in zip(texts, references, strict=True)
    ]


def _bleu(clusters: Clusters, texts: Sequence[str | None], references: Sequence[str]) -> Interval:
    if not texts:
        return Interval(value=None, low=None, high=None, n=0)
    one = BLEU()
    rows = []
    for text, reference in zip(texts, references, strict=True):
        score = one.corpus_score([text or ""], [[reference]])
        rows.append([*score.counts, *score.totals, score.sys_len, score.ref_len])
    sums = clusters.sums(np.asarray(rows, dtype=np.float64))
    values = [
        BLEU.compute_bleu(
            [int(x) for x in row[:4]],
            [int(x) for x in row[4:8]],
            int(row[8]),
            int(row[9]),
            smooth_method="exp",
        ).score
        / 100
        for row in sums
    ]
    return clusters.interval(np.asarray(values, dtype=np.float64))


def rege(
    right: Sequence[float],
    texts: Sequence[str | None],
    references: Sequence[str],
    subjects: Sequence[str],
) -> dict[str, Interval]:
    """REGE of FABA-Bench: recognition plus generation, 100·(S_re + S_ge), so up to 200.

    Args:
        right: recognition of each sample: 1 or 0 for the emotion, F1 for action units.
        texts: the descriptions, None for none.
        references: the reference descriptions.
        subjects: (N,).

    Returns:
        `rege`, with `recognition` (S_re) and `generation` (S_ge, ROUGE-L) in [0, 1]. The paper's
        S_re for action units is the mean F1 of units over all samples; with one F1 a sample this
        is the mean over samples, so say which was fed in.
    """
    same_length(recognition=right, texts=texts, references=references, subjects=subjects)
    clusters = Clusters(subjects)
    generation = np.asarray(rouge_l(texts, references), dtype=np.float64)
    recognition = np.asarray(right, dtype=np.float64)
    return {
        "rege": clusters.mean(100 * (recognition + generation)),
        "recognition": clusters.mean(recognition, share=True),
        "generation": clusters.mean(generation, share=True),
    }
