"""Whether the clauses that hold an answer are understood, word by word.

    sentence ── clauses ── the answer's: every word is known, or the answer is unread
                       └── the others: reasons and descriptions of the face, or known as well

An answer found in free text counts only in a clause whose every word belongs to the closed list of
`lexicon`, in a sentence without a condition, a comparison or a report. The rest is no answer: the
reason names the first word that was not understood.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from eval.read.lexicon import (
    ARABIC,
    ASSERTED,
    CONDITIONS,
    DESCRIBES,
    KNOWN,
    OPENERS,
    PIECES,
    TURNS,
)
from eval.read.polarity import Mention, Polarity, denials, sentences

_CUT = re.compile(
    r"\s*(?:,(?![0-9])|:(?![0-9])|[;()，、；（）]|[—–]|\s-\s)\s*"
    r"|(?<!judging )(?=\b(?:because|with|given|by|through|via)\b)",
    re.I,
)
_WORD = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")
_GIVES = (Polarity.STATED, Polarity.TENTATIVE)
_CONTRAST = re.compile(r"\b(?:but|although|though|however|yet|mais|aber|pero)\b|但", re.I)


def not_understood(text: str, found: Sequence[Mention], known: Collection[str] = ()) -> str | None:
    """Why the sentences that give an answer are not fully understood; None where they are.

    Args:
        text: what was said.
        found: what it mentions; only what is stated or possible gives an answer.
        known: words that this kind of answer may hold besides those of every kind.
    """
    mentioned: dict[int, list[Mention]] = {}
    for mention in found:
        mentioned.setdefault(mention.sentence, []).append(mention)
    for number, sentence in enumerate(sentences(text)):
        here = mentioned.get(number, [])
        giving = any(m.polarity in _GIVES for m in here)
        if giving and (word := _obscure(sentence, here, known)):
            return f"a sentence is not understood: {word!r}"
    return None


def lead_obscure(lead: str, known: Collection[str] = ()) -> str | None:
    """The word before an answer, in its sentence, that leaves open whose answer it is."""
    return turns(lead) or unknown_word(_CUT.split(_asserted(lead))[-1], known)


def turns(sentence: str) -> str | None:
    """The word that makes a sentence a condition, a comparison or a report; None without one."""
    match = TURNS.search(_asserted(sentence))
    return match[0] if match else None


def condition(text: str) -> str | None:
    """The word that makes what a text says conditional; None without one."""
    match = CONDITIONS.search(_asserted(text))
    return match[0] if match else None


def _asserted(sentence: str) -> str:
    return ASSERTED.sub(lambda match: " " * len(match[0]), sentence)


def _obscure(sentence: str, found: Sequence[Mention], known: Collection[str]) -> str | None:
    if turn := turns(sentence):
        return turn
    plain = _asserted(sentence)
    for start, end, held in _clauses(sentence, found):
        giving = any(m.polarity in _GIVES for m in held)
        clause = plain[start:end]
        if held and not giving:
            continue
        reason = not held and (OPENERS.match(clause) or DESCRIBES.match(clause))
        if reason and not _CONTRAST.search(clause):
            continue
        if word := _unknown(plain, start, end, held, known):
            return word
    return None


def _unknown(
    sentence: str, start: int, end: int, held: Sequence[Mention], known: Collection[str]
) -> str | None:
    """The first word of a clause that is on no list; what is mentioned counts as known."""
    edges = [start, *(place for m in held for place in (m.start, m.end)), end]
    for number, (left, right) in enumerate(zip(edges[::2], edges[1::2], strict=True)):
        beside = held[max(0, number - 1) : number + 1]
        denied = [m for m in beside if m.polarity is Polarity.DENIED]
        piece = sentence[left:right]
        if denied and len(denied) == len(beside):
            continue
        if word := unknown_word(denials(piece) if denied else piece, known):
            return word
    return None


def unknown_word(piece: str, known: Collection[str] = ()) -> str | None:
    """The first word that no list holds; None where every word is known."""
    for match in _WORD.finditer(piece):
        word = match[0].lower()
        if len(word) > 1 and not (word in KNOWN or word in ARABIC or word in known):
            return match[0]
    for match in _CJK.finditer(piece):
        if left := PIECES.sub("", match[0]):
            return left
    return None


def _clauses(
    sentence: str, found: Sequence[Mention]
) -> Iterator[tuple[int, int, Sequence[Mention]]]:
    """Start, end and mentions of each clause; no cut is inside what is mentioned."""
    start, first, at = 0, 0, 0
    for cut in _CUT.finditer(sentence):
        while at < len(found) and found[at].end <= cut.start():
            at += 1
        if at < len(found) and found[at].start < cut.end():
            continue
        yield start, cut.start(), found[first:at]
        start, first = cut.end(), at
    yield start, len(sentence), found[first:]
