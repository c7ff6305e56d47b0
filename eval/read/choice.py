"""Read a multiple-choice answer. The article of `A person` and the pronoun `I` are not letters."""

import re
from collections.abc import Mapping

from eval.read.labels import Vocabulary, fail, read_label
from eval.read.lexicon import word_set
from eval.read.loose_json import under
from eval.read.polarity import Polarity, Span, mentions
from eval.read.settle import Kind, first_line, settle
from eval.read.understood import not_understood
from eval.read.words import EMOTIONS_IN_WORDS
from facellm.core.errors import FaceLLMError
from facellm.core.grammar import ParseFailure

_KEYS = ("answer", "final_answer", "choice", "option", "letter", "label", "prediction", "result")
SHORT = 12
"""Words up to which a sentence may name an option by its text alone."""
NEAR = 40
"""Characters around a letter that tell whether it is one."""
_NAMED = 4
"""Letters an option's text needs to be recognised inside a sentence."""

_LETTER = r"(?<![A-Za-z0-9'])(?:{})(?![A-Za-z0-9'])"
_NAMED_BEFORE = re.compile(r"(?:\b(?:option|choice|letter)|[\[(]|选(?:项)?|:)\s*\Z", re.I)
_BEFORE = re.compile(
    r"(?:\A|\n|[,;:\[(]|是|为|は|选(?:项)?|\b(?:option|choice|letter|is|it's|be|choose|pick|select|think|"
    r"say|answer|so|thus|therefore|but|not|nor|neither|either|both|and|or|between|out|guess|leaves|means)|->|→)"
    r"[\s\"']*\Z",
    re.I,
)
_AFTER = re.compile(
    r"\A\s*(?:\Z|[.,:;!()\]。，、=]|[-–—]\s|\n|です|选项|seems\b|(?:is|are|was) (?:the )?"
    r"(?:correct|right|best|wrong|incorrect|not\b)|\b(?:because|since|as)\b)",
    re.I,
)
_NEXT = re.compile(
    r"\A[\])]?\s*(?:,|/|&|、|和|或|\b(?:and|or|und|oder|et|ou|y|o)\b)\s*"
    r"(?:(?:maybe|possibly|perhaps)\s+)?[\[(]?[A-Za-z][\])]?(?![A-Za-z])"
)
_BARE = re.compile(
    r"\A[\s\"']*(?:(?:option|choice|letter|answer)\s*:?\s*)?[\[(]?\s*([A-Za-z])\s*[\])]?[\s.!\"',]*\Z",
    re.I,
)
_LABELLED = re.compile(
    r"\A\s*(?:(?:option|choice)\s*)?[\[(]?\s*([A-Z])\s*[\])]?\s*(?:[.:,)]|[-–—]|\s)\s*(\S.*?)\s*\Z",
    re.S,
)
_WORDS = re.compile(r"[^\W\d_]+")
_KNOWN = frozenset(EMOTIONS_IN_WORDS) | word_set(
    """
    about around approximately years year old thirties twenties forties fifties age range wrong
    incorrect options choices letters pick select selected chosen choose means leaves correct
    best right eliminate rule out between among falls respuesta correcta richtige bonne opción
    réponse antwort lautet
    """
)
_EDGES = " \t\n\"'.,!()[]"


def read_choice(text: str, options: Mapping[str, str]) -> str | ParseFailure:
    """The letter of the one option that an answer chooses.

    Args:
        text: the answer.
        options: capital letter → the option's text, as in `{"A": "Happiness", "B": "Sadness"}`.

    Raises:
        FaceLLMError: options that are not named by single capital letters.
    """
    if not options or any(len(k) != 1 or not "A" <= k <= "Z" for k in options):
        raise FaceLLMError(
            f"options {sorted(options)} are not single capital letters; expected A, B, C, …"
        )
    reader = _Options(options)
    return settle(
        text,
        Kind(
            from_text=reader.from_text,
            from_segment=reader.from_segment,
            from_json=reader.from_json,
            cut=first_line,
        ),
    )


class _Options:
    def __init__(self, options: Mapping[str, str]):
        self.texts = {letter: _normal(text) for letter, text in options.items()}
        self._letters = re.compile(_LETTER.format("|".join(sorted(options))))
        named = {t: k for k, t in self.texts.items() if sum(c.isalnum() for c in t) >= _NAMED}
        self._named = Vocabulary(named)
        short = {t: k for k, t in self.texts.items() if sum(c.isalnum() for c in t) > 1}
        self._rivals = Vocabulary(short)
        self._known = _KNOWN.union(*(_WORDS.findall(text) for text in self.texts.values()))

    def exact(self, text: str) -> str | None:
        """The option whose text this is, letter aside; None unless it is exactly one."""
        letters = [k for k, option in self.texts.items() if option and option == _normal(text)]
        return letters[0] if len(letters) == 1 else None

    def from_segment(self, segment: str) -> str | ParseFailure:
        """What stands behind `Answer:`; there a letter may be small."""
        return self._alone(segment) or self._in_words(segment)

    def from_text(self, text: str) -> str | ParseFailure:
        """Everything that was said."""
        found = self._alone(text) or self._in_words(text)
        if isinstance(found, ParseFailure) and len(text.split()) <= SHORT:
            if mentions(text, self._spans):
                return found
            named = read_label(text, self._named, self._known)
            alone = named == read_label(text, self._rivals, self._known) and self._telling(text)
            return named if alone else found
        return found

    def _telling(self, text: str) -> bool:
        """Whether an option's text in a sentence is more than one common word passing by."""
        return any(
            len(text[s.start : s.end].split()) > 1
            or any(c.isdigit() for c in text[s.start : s.end])
            or not text[s.end :].strip(_EDGES)
            for s in self._named.spans(text)
        )

    def from_json(self, value: object) -> str | ParseFailure:
        """A letter or an option's text under a key that names the answer."""
        if isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        given = [value] if isinstance(value, str) else list(under(value, _KEYS))
        if len(given) == 1 and isinstance(given[0], str):
            letter = self.from_segment(given[0])
            beside = self._exact_in(value) if isinstance(value, dict) else set()
            rival = isinstance(letter, str) and bool(beside - {letter})
            return fail(f"{letter} with the text of another option") if rival else letter
        return fail("the JSON holds no single choice")

    def _exact_in(self, value: Mapping[str, object]) -> set[str]:
        """The options whose exact text stands beside the answer in its object."""
        texts = (self.exact(inner) for inner in value.values() if isinstance(inner, str))
        return {letter for letter in texts if letter}

    def _begun(self, text: str) -> str | None:
        """The one option that a whole answer of words begins, as `Both` does `Both eyebrows`."""
        words = _normal(text)
        if not words.replace(" ", "").isalpha() or len(words) < _NAMED:
            return None
        letters = [k for k, option in self.texts.items() if f"{option} ".startswith(f"{words} ")]
        return letters[0] if len(letters) == 1 else None

    def _alone(self, text: str) -> str | ParseFailure | None:
        """An answer that is a letter, an option's text, or both; None for any other."""
        if letter := self.exact(text) or self._begun(text):
            return letter
        if match := _BARE.match(text):
            letter = match[1].upper()
            return letter if letter in self.texts else fail(f"{letter} is not an option")
        match = _LABELLED.match(text)
        if match and match[1] in self.texts and (other := self.exact(match[2])):
            return match[1] if other == match[1] else fail(f"{match[1]} with the text of {other}")
        return None

    def _in_words(self, text: str) -> str | ParseFailure:
        found = mentions(text, self._spans)
        chosen = {m.key for m in found if m.polarity in (Polarity.STATED, Polarity.TENTATIVE)}
        if len(chosen) != 1:
            return fail("several options are named" if chosen else "no option is chosen")
        letter = chosen.pop()
        if letter.startswith("?"):
            return fail(f"{letter[1:]} stands in a sentence and may be a word")
        clash = self._text_behind(text, letter) or self._text_beside(text, letter)
        if clash:
            return fail(f"{letter} with the text of {clash}")
        reason = not_understood(text, found, self._known)
        return fail(reason) if reason else letter

    def _text_behind(self, text: str, letter: str) -> str | None:
        """Another option whose text follows the letter, as in `B. Happiness` where that is A."""
        for match in re.finditer(rf"(?<![A-Za-z]){letter}\s*[.:)\]-]+\s*([^.,;!?\n]+)", text):
            other = self.exact(match[1])
            if other and other != letter:
                return other
        return None

    def _text_beside(self, text: str, letter: str) -> str | None:
        """The option that the same text states in words, if that is another."""
        stated = {m.key for m in mentions(text, self._named.spans) if m.polarity is Polarity.STATED}
        return min(stated) if stated and letter not in stated else None

    def _spans(self, sentence: str) -> list[Span]:
        """Letters that stand as letters; a doubtful one is marked with `?` and decides nothing."""
        spans = []
        for match in self._letters.finditer(sentence):
            before = sentence[max(0, match.start() - NEAR) : match.start()]
            after = sentence[match.end() : match.end() + NEAR]
            listed = _NEXT.match(after)
            sure = _BEFORE.search(before) and _AFTER.match(after)
            if match[0] in "AI" and before.rstrip().endswith(","):
                sure = None
            if sure or listed or _NAMED_BEFORE.search(before):
                start, end = match.span()
                inside = before[-1:] in ("(", "[") and after[:1] in (")", "]")
                spans.append(Span(start - inside, end + inside, match[0]))
            elif match[0] not in "AI":
                spans.append(Span(match.start(), match.end(), f"?{match[0]}"))
        return spans


def _normal(text: str) -> str:
    return " ".join(text.strip(_EDGES).lower().split())
