"""Read whether a face is called real or fake, where neither yes nor no is said."""

import re

from eval.read.body import body_of
from eval.read.labels import Vocabulary
from eval.read.polarity import Polarity, mentions, sentences
from eval.read.settle import withheld
from eval.read.understood import not_understood
from facellm.core.grammar import ParseFailure

_WORDS = Vocabulary({
    **dict.fromkeys(
        ("real", "authentic", "genuine", "unaltered", "unedited", "echt", "authentisch", "réelle",
         "réel", "authentique", "auténtica", "auténtico", "真实", "真人", "本物"), "real"),
    **dict.fromkeys(
        ("fake", "manipulated", "synthetic", "deepfake", "a deepfake", "altered", "ai-generated",
         "ai generated", "generated", "edited", "photoshopped", "gefälscht", "manipuliert",
         "ki-generiert", "fausse", "faux", "truquée", "falsa", "falso", "manipulada", "伪造",
         "合成", "偽物"), "fake"),
})  # fmt: skip
_KNOWN = frozenset(("been", "being", "ai", "digitally"))
_SUBJECT = re.compile(
    r"\b(?:face|image|picture|photo|photograph|portrait|it|this|that|bild|foto|"
    r"gesicht|es|visage|c'est|imagen|rostro)\b"
    r"|图|照片|写真|画像|脸|顔",
    re.I,
)
_OPPOSITE = {"real": "fake", "fake": "real"}
BARE = 3
"""Words up to which a sentence may do without saying what is real or fake."""


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
    said = sentences(body.text)
    about_it = _SUBJECT.search(" ".join(said)) or all(
        len(said[m.sentence].split()) <= BARE for m in found
    )
    obscure = not_understood(body.text, found, _KNOWN)
    if len(sides) != 1 or not clear or not about_it or obscure:
        return None
    return sides == {"real"}
