"""Several texts for one question: how far they say the same, and which one speaks for all."""

from collections.abc import Sequence

from data_engine.verify.claims import Claim
from facellm.core.agreement import set_f1


def essence(claims: Sequence[Claim]) -> set[int]:
    """What a text states, as a set to compare: each unit and emotion with its polarity, hashed."""
    parts = set()
    for claim in claims:
        name = claim.units or claim.emotions
        parts.add(hash((claim.kind, name, claim.denied)))
    return parts


def agreements(texts: Sequence[Sequence[Claim]]) -> list[float]:
    """For each text the mean F1 of its statements against each other text's; 1.0 for a lone one."""
    sets = [essence(claims) for claims in texts]
    scores = []
    for n, one in enumerate(sets):
        others = [set_f1(one, other) for m, other in enumerate(sets) if m != n]
        scores.append(sum(others) / len(others) if others else 1.0)
    return scores


def spokesman(texts: Sequence[Sequence[Claim]]) -> tuple[int, float]:
    """The index of the text that agrees most with the others, the first of equals, and how much."""
    scores = agreements(texts)
    best = max(range(len(scores)), key=lambda n: (scores[n], -n))
    return best, scores[best]
