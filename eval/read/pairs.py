"""An object in plain lines: `Pitch: 0.1, Yaw: -0.3, Roll: 0`, and reasons behind it at most."""

import re

from eval.read.settle import withheld

_PIECES = re.compile(r"[,;\n|]+(?!\d)(?:\s*and\b)?|\s+and\s+(?=[a-z ]+(?:is|[:=]))", re.I)
_ASIDE = re.compile(r"\s*\([^()0-9]*\)")
_PAIR = re.compile(
    r"(?:(?:the|my|overall|estimated|image|picture|photo|facial|head)\s+)*"
    r"(?P<name>[A-Za-z][A-Za-z _-]*?)(?: score| value)?\s*(?:[:=]|\bis\b)\s*"
    r"(?:about |around |approximately |roughly )?"
    r"(?:(?P<truth>true|false)|(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)))"
    r"(?: rad(?:ians)?)?\.?",
    re.I,
)
_REASONS = re.compile(r"(?<=[0-9a-z])\.\s+(?P<rest>[A-Z][^0-9]*)\Z", re.S)
_TURNS = re.compile(
    r"\b(?:not?|but|however|actually|although|wrong|rather|instead|true|false|would|if|maybe|"
    r"perhaps)\b|n't\b",
    re.I,
)


def pairs_of(text: str) -> dict[str, object] | None:
    """The names and values of a text; None if anything in it is no pair, or a name comes twice.

    Sentences without a number may follow that give reasons and turn nothing.
    """
    reasons = _REASONS.search(text)
    if reasons is not None:
        if _TURNS.search(reasons["rest"]) or withheld(text):
            return None
        text = text[: reasons.start()]
    found: dict[str, object] = {}
    for piece in _PIECES.split(_ASIDE.sub("", text)):
        if not piece.strip():
            continue
        match = _PAIR.fullmatch(piece.strip())
        name = match["name"].lower() if match else ""
        if match is None or name in found:
            return None
        truth = match["truth"]
        found[name] = truth.lower() == "true" if truth else float(match["number"])
    return found or None
