"""What a sentence does with the things it mentions: states, denies, weighs or leaves open.

A sentence is cut into clauses. A negation denies what its clause mentions after it; a list that
goes on over commas stays denied (`no anger, fear or disgust`). Words that come after can deny as
well (`AU12 is absent`). What a text asks, it does not state.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple


class Polarity(Enum):
    """How something is mentioned."""

    STATED = "stated"
    TENTATIVE = "tentative"
    """Said to be possible (`might be sad`)."""
    DENIED = "denied"
    OPEN = "open"
    """Said to be unknown (`hard to tell whether she is sad`)."""


class Span(NamedTuple):
    """Where something is mentioned in a sentence."""

    start: int
    end: int
    key: str


class Mention(NamedTuple):
    """One mention, in the order of the text."""

    key: str
    polarity: Polarity
    sentence: int
    """Which sentence of the text, from 0."""
    start: int
    end: int
    """Where in its sentence."""


Finder = Callable[[str], Sequence[Span]]
AFTER = 120
"""Characters behind a mention that can deny it."""

_IDIOMS = re.compile(
    r"\bnot only\b|,?\s*\b(?:and )?nothing else\b(?! than)|\bno problem\b|"
    r"\bno doubt\b(?: about it)?|\bwithout (?:a |any )?doubt\b|"
    r"\b(?:I'?m|I am|I(?:'d| would) be|we are|we're|I) (?:very |so )?"
    r"(?:afraid|happy|glad|sad|surprised|fear|sorry)\b|"
    r"\bhappy to (?:help|assist|answer|describe|analy[sz]e)\b",
    re.I,
)
_SPLIT = re.compile(r"(?:[.!]+(?=[\s)\"']|$)|[?？]+|[。！；;]|\n+)")
_CLAUSE = re.compile(
    r"\s*(?:,|，|、|:|\(|\)|[—–]|\s-\s)\s*|"
    r"(?<!thing )\b(?:but|however|although|though|while|whereas|yet|because|since|"
    r"sondern|aber|mais|sino|pero)\b|"
    r"而是|但是|但|\band\b(?=\s+(?:it|he|she|they|the|this|that|also\s)?\s*"
    r"(?:is|are|was|has|have|shows?|looks?|seems?|appears?|reads?|suggests?|indicates?)\b)",
    re.I,
)
_WORDS_DENY = (
    r"not|no|nor|neither|never|without|none|lack|lacks|lacking|hardly|\w+n't|unlike|"
    r"rather than|instead of|as opposed to|other than|free of|devoid of|far from|"
    r"excluding|except|rules? out|eliminates?|absence of|(?:any|every)thing but|opposite of|"
    r"pretend(?:s|ing)? to|used to|wrong to|nothing(?! but)|nobody|non(?=-)|"
    r"ne|n(?='\w)|pas|sans|plutôt que|nicht|kein|keine|keinen|keiner|ohne|weder|noch|nunca|sin|ni|"
    r"ninguna?|tampoco|ليس|ليست|لا|لم|غير|بدون"
)
_DENY = re.compile(rf"(?<![\w])(?:{_WORDS_DENY})(?![\w])|不|没|非|未|无(?!表情)", re.I)
_OPEN = re.compile(
    r"\b(?:(?:cannot|can't|can not)(?! (?:see|find|detect|observe)\b)|could not|couldn't|"
    r"unable|not sure|unsure|uncertain|unclear|"
    r"at first|initially|first (?:thought|guess|impression)|"
    r"whether|if|hard to|difficult to|impossible to|fails? to)\b|\A\W*(?:were|had|should)\b",
    re.I,
)
_DENIALS = re.compile(
    rf"{_DENY.pattern}|\b(?:absent|missing|unlikely|inactive|excluded|incorrect|wrong|ruled out|"
    r"eliminated?|isn|aren|doesn|don|can|see|not|t)\b",
    re.I,
)
_TENTATIVE = re.compile(
    r"\b(?:can(?! (?:\w+ly )?(?:see|observe|detect|identify)\b| be (?:\w+ly )?\w+(?:ed|en)\b)|"
    r"could|may|might|maybe|perhaps|possibly|sometimes|often|typically|usually|commonly|generally|either|"
    r"vielleicht|peut-être|quizás?)\b|也许|可能|かもしれ",
    re.I,
)
_DENY_AFTER = re.compile(
    r"\A[^.]{0,60}?(?:\b(?:is|are|was|does|do|can|could)(?: not\b|n't\b)|\b(?:cannot|can't) be\b|"
    r"\b(?:absent|missing|unlikely|inactive|excluded|incorrect|ruled out|absente|ausente|"
    r"inaktiv)\b|"
    r"\b(?:is|are|seems?|was|looks?)\s+(?:\w+ )?wrong\b)"
    r"|\A-free\b|\A(?:(?:と|や|も)AU ?[0-9]+)*[^。、\sA-Z]{0,16}?(?:ない|なく|なかった|ません)"
    r"|\A(?:(?:和|与|及|以及|或)[^。，、；\s]{1,6}?)*[^。，、；\s]{0,4}?(?:不|没|未)(?!是|仅|只|但|要)"
    r"|\A[^.]{0,40}?(?<!\w)(?:nicht|not|no|non|pas|tampoco)\s*\Z",
    re.I,
)
_CELL_DENIES = re.compile(
    r"\s*(?:(?:\||:|=|->|→|[-–—])|\([^()\n]{0,40}\)\s*[:=→-]?)\s*"
    r"(?:(?:no|not|false|absent|nein|nicht|non)(?![\w'-])|[✗✘❌])"
    r"|\s*\([^()\n]{0,40}\)\s*(?:is|are|was) (?:not|absent|wrong|incorrect)\b"
    r"|\s*not (?:present|active|visible|seen|found|there|at all|\w+ed)\b",
    re.I,
)
"""The cell or value right behind a mention, as in `| Fear | No |` and `AU9 (sneer): no`."""
_AMONG = re.compile(r"\A\W*(?:of|among|between|out of)\s", re.I)
"""Begins a sentence that names what there is to choose from, and last what is chosen."""
_FROM = re.compile(
    r"\A\W*(?:choosing |selecting |picking )?from (?:the |these |those |all |your )?"
    r"(?:(?:given|provided|listed|following|available|possible) )?"
    r"(?:options?|labels?|list|categories|choices|emotions|classes|candidates)\b",
    re.I,
)
"""The same, where only what it had named before counts as chosen."""
_CHOSEN = re.compile(r",\s*(?!and\b|or\b|und\b|et\b|y\b)\w")
_ALL_DENIED = re.compile(r"\b(?:none|neither) of (?:them|these|those|which)\b", re.I)
"""Denies everything that its sentence mentions before."""
_ASIDE = re.compile(
    r"\A\W*(?:unlike|instead of|rather than|as opposed to|other than|im gegensatz zu|"
    r"contrairement à|a diferencia de)\b",
    re.I,
)
"""A clause that begins so denies what it mentions and ends at its comma: no list goes on."""
_DEFINED = re.compile(
    r"\A\s+(?:is |are |can be |may be )?(?:often|typically|usually|commonly|generally|normally)\s+"
    r"(?:characteri[sz]ed|associated|marked|indicated|expressed|shown|signall?ed|accompanied|"
    r"involves?|includes?|shows?|presents?|comes?)\b",
    re.I,
)
"""Follows what a sentence explains in general."""
_INSTEAD = ("なく、", "なくて、")
"""End a clause that denies, before what is said instead."""
_MAY_AFTER = re.compile(
    r"\A\s*(?:[|:=(–—-]\s*)?(?:may|might|could|maybe|perhaps|possibly|possible|uncertain|unsure)\b",
    re.I,
)
_CONTINUES = re.compile(
    r"\A\s*(?:(?:or|nor|and|oder|ou|o|y|und|ni|noch)\s+)?(?:(?:any|of|a|an|no|the)\s+)*\Z", re.I
)
_HEADING_DENIES = re.compile(
    r"\b(?:absent|inactive|missing|not (?:active|present|visible|seen))"
    r"(?: (?:AUs?|action units?))?\s*:",
    re.I,
)


def sentences(text: str) -> list[str]:
    """The sentences of a text without its questions; idioms that say nothing are blanked."""
    text = _IDIOMS.sub(lambda match: " " * len(match[0]), text)
    found, start = [], 0
    for match in _SPLIT.finditer(text):
        if match[0][0] not in "?？":
            found.append(text[start : match.start()])
        start = match.end()
    found.append(text[start:])
    return [sentence for sentence in found if sentence.strip()]


def mentions(text: str, find: Finder) -> list[Mention]:
    """Every mention in a text with its polarity; what questions mention is left out."""
    return [
        Mention(span.key, polarity, number, span.start, span.end)
        for number, sentence in enumerate(sentences(text))
        for span, polarity in _in_sentence(sentence, find)
    ]


def _in_sentence(sentence: str, find: Finder) -> list[tuple[Span, Polarity]]:
    """The mentions of a sentence; what is possible in front of a `but` is only conceded."""
    found: list[tuple[Span, Polarity]] = []
    spans = deque(find(sentence))
    if not spans:
        return found
    heading = _HEADING_DENIES.search(sentence)
    last: Polarity | None = None
    aside, at = False, 0
    for start, end, link in _clauses(sentence, list(spans)):
        goes_on = link in _COMMAS
        if _ALL_DENIED.search(sentence, start, end):
            found, at = [(span, Polarity.DENIED) for span, _ in found], len(found)
        if link in _CONTRASTS:
            conceded = [(k, Polarity.OPEN if p is Polarity.TENTATIVE else p) for k, p in found[at:]]
            found[at:], at = conceded, len(found)
        goes_on = goes_on and not sentence.endswith(_INSTEAD, 0, start)
        carried = last if goes_on and not aside else None
        aside = _ASIDE.match(sentence[start:end]) is not None
        last = None
        words = _words_before(sentence, start, end)
        place = start
        while spans and spans[0].start < end:
            span = spans.popleft()
            polarity = _polarity(words, span, sentence[span.end : min(end, span.end + AFTER)])
            if _CELL_DENIES.match(sentence, span.end):
                polarity = Polarity.DENIED
            between = sentence[place : span.start]
            if polarity is Polarity.STATED and carried in _CARRY and _CONTINUES.match(between):
                polarity = carried or polarity
            if heading is not None and span.start >= heading.end():
                polarity = Polarity.DENIED
            before = _before(words, polarity, span)
            carried, last, place = polarity, polarity if before else None, span.end
            found.append((span, polarity))
    return _without_offered(sentence, found)


def _without_offered(
    sentence: str, found: list[tuple[Span, Polarity]]
) -> list[tuple[Span, Polarity]]:
    """What a sentence mentions, without what it names only to choose from it."""
    chosen = len(found) > 1 and _CHOSEN.search(sentence[found[-2][0].end : found[-1][0].start])
    if not chosen:
        return found
    if _AMONG.match(sentence):
        return found[-1:]
    offered = _FROM.match(sentence) and found[-1][0].key in {span.key for span, _ in found[:-1]}
    left = [(span, Polarity.OPEN) for span, _ in found[:-1]]
    return [*left, found[-1]] if offered else found


def _clauses(sentence: str, spans: Sequence[Span]) -> Iterator[tuple[int, int, str]]:
    """Start and end of each clause, and the word that leads to it; no cut is inside a span."""
    start, link, at = 0, "", 0
    for cut in _CLAUSE.finditer(sentence):
        while at < len(spans) and spans[at].end <= cut.start():
            at += 1
        if at < len(spans) and spans[at].start < cut.end():
            continue
        yield start, cut.start(), link
        start, link = cut.end(), cut[0].strip().lower()
    yield start, len(sentence), link


def _words_before(sentence: str, start: int, end: int) -> dict[Polarity, int]:
    """Where the first word of a clause ends that gives what follows a polarity."""
    clause = sentence[start:end]
    found = {}
    for polarity, pattern in _TURNS.items():
        if match := pattern.search(clause):
            found[polarity] = start + match.end()
    return found


_CARRY = (Polarity.DENIED, Polarity.OPEN)
_COMMAS = (",", "，", "、")
_CONTRASTS = ("but", "however", "yet", "aber", "mais", "pero", "但是", "但")


_TURNS = {Polarity.OPEN: _OPEN, Polarity.DENIED: _DENY, Polarity.TENTATIVE: _TENTATIVE}


def _polarity(words: dict[Polarity, int], span: Span, after: str) -> Polarity:
    if _before(words, Polarity.OPEN, span) or _DEFINED.match(after):
        return Polarity.OPEN
    if _before(words, Polarity.DENIED, span) or _DENY_AFTER.match(after):
        return Polarity.DENIED
    if _before(words, Polarity.TENTATIVE, span) or _MAY_AFTER.match(after):
        return Polarity.TENTATIVE
    return Polarity.STATED


def denials(text: str) -> str:
    """A text without the words that deny, each blanked."""
    return _DENIALS.sub(lambda match: " " * len(match[0]), text)


def _before(words: dict[Polarity, int], polarity: Polarity, span: Span) -> bool:
    return polarity in words and words[polarity] <= span.start
