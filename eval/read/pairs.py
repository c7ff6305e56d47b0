"""An object in plain lines: `Pitch: 0.1, Yaw: -0.3, Roll: 0`, and nothing else."""

import re

_PIECES = re.compile(r"[,;\n|]+(?!\d)")
_PAIR = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z _-]*?)(?: score)?\s*[:=]\s*"
    r"(?:(?P<truth>true|false)|(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)))"
    r"(?: rad(?:ians)?)?(?:\s*\([^()0-9]*\))?\.?",
    re.I,
)


def pairs_of(text: str) -> dict[str, object] | None:
    """The names and values of a text; None if anything in it is no pair, or a name comes twice."""
    found: dict[str, object] = {}
    for piece in _PIECES.split(text):
        if not piece.strip():
            continue
        match = _PAIR.fullmatch(piece.strip())
        name = match["name"].lower() if match else ""
        if match is None or name in found:
            return None
        truth = match["truth"]
        found[name] = truth.lower() == "true" if truth else float(match["number"])
    return found or None
