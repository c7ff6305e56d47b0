"""Sequences of events: which ones, how related, in which order, after FEC-Bench."""

from collections.abc import Callable, Sequence
from itertools import combinations

Match = Callable[[str, str], bool]


def same_words(a: str, b: str) -> bool:
    """Whether two events are the same words, whatever their case and spacing."""
    return a.lower().split() == b.lower().split()


def lcs(a: Sequence[str], b: Sequence[str], match: Match = same_words) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            above = row[j]
            row[j] = diagonal + 1 if match(x, y) else max(above, row[j - 1])
            diagonal = above
    return row[-1]


def _paired(told: Sequence[str], true: Sequence[str], match: Match) -> list[int | None]:
    """For each told event the true one it is matched with, first come, each used once."""
    free = list(range(len(true)))
    partners: list[int | None] = []
    for event in told:
        partner = next((i for i in free if match(event, true[i])), None)
        if partner is not None:
            free.remove(partner)
        partners.append(partner)
    return partners


def sequence_scores(
    told: Sequence[str], true: Sequence[str], match: Match = same_words
) -> tuple[float, float, float]:
    """Scores of one clip, each in [0, 1]: events, relations, order.

    Events: F1 of the matched events. Relations: the share of the pairs of true events that are
    told in the same order; a pair with an untold event counts as wrong, and with fewer than two
    true events there is no relation (NaN). Order: F1 of the longest common subsequence,
    2·LCS / (told + true). Two empty sequences agree fully; one empty sequence scores 0.
    """
    if not told and not true:
        return 1.0, float("nan"), 1.0
    total = len(told) + len(true)
    partners = _paired(told, true, match)
    place = {true_at: told_at for told_at, true_at in enumerate(partners) if true_at is not None}
    pairs = list(combinations(range(len(true)), 2))
    kept = sum(i in place and j in place and place[i] < place[j] for i, j in pairs)
    relations = kept / len(pairs) if pairs else float("nan")
    return 2 * len(place) / total, relations, 2 * lcs(told, true, match) / total
