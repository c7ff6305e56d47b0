"""Read whether a face is called real or fake, where neither yes nor no is said."""

import re

from eval.read.body import body_of
from eval.read.labels import Vocabulary
from eval.read.polarity import Polarity, mentions, sentences
from eval.read.settle import withheld
from eval.read.understood import not_understood
from facellm.core.grammar import ParseFailure

_WORDS = Vocabulary({
    **dict.fromkeys(("real", "authentic", "genuine", "unaltered", "unedited"), "real"),
    **dict.fromkeys(
        ("fake", "manipulated", "synthetic", "deepfake", "a deepfake", "altered", "ai-generated",
         "ai generated", "generated", "edited", "photoshopped"), "fake"),
})  # fmt: skip
_KNOWN = frozenset(("been", "being", "ai", "digitally"))
_SUBJECT = re.compile(r"\b(?:face|image|picture|photo|photograph|portrait|it|this|that)\b", re.I)
_OPPOSITE = {"real": "fake", "fake": "real"}
BARE = 3
"""Words up to which an answer may do without saying what is real or fake."""


def read_authentic(text: str) -> bool | None:
    """True for real, False for fake; None where that is not plainly said of the face.

    There are two sides only, so what is not fake is real.
    """
    body = body_of(text)
    if isinstance(body, ParseFailure) or body.tagged or withheld(body.text):
        return None
    found = mentions(body.text, _WORDS.spans)
    sides = {
        _OPPOSITE[m.key] if m.polarity is Polarity.DENIED else m.key
        for m in found
    }  # fmt: skip
    clear = all(m.polarity in (Polarity.STATED, Polarity.DENIED) for m in found)
    said = " ".join(sentences(body.text))
    about_it = _SUBJECT.search(said) or len(said.split()) <= BARE
    obscure = not_understood(body.text, found, _KNOWN)
    if len(sides) != 1 or not clear or not about_it or obscure:
        return None
    return sides == {"real"}
