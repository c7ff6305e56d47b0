"""The part of an answer that answers: without its thinking, its markup and its LaTeX.

Linear in the length of the text; see `LIMIT` for how much of it is read at all.
"""

import re
import unicodedata
from typing import NamedTuple

from eval.read.loose_json import split_json
from facellm.core.grammar import ParseFailure

LIMIT = 20_000
"""Characters, after the thinking is cut off; a longer text is no answer to a question."""

_THINKING = ("think", "thinking", "thought", "reasoning", "analysis")
_OPENINGS = (*(f"<{name}>" for name in _THINKING), "◁think▷", "<|begin_of_thought|>")
_CLOSINGS = (*(f"</{name}>" for name in _THINKING), "◁/think▷", "<|end_of_thought|>")
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "−": "-", "\u00a0": " "})
_TEXT_COMMAND = re.compile(r"\\(?:text(?:bf|it|rm|tt)?|mathrm|mathbf|mathit)\{([^{}]*)\}")
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_MARKUP = re.compile(
    r"<\|[^|<>\n]{0,40}\|>|\*+|`+|__|~~|^[ \t]*(?:#{1,6}|>+|[-•])[ \t]+", re.MULTILINE
)
_DOLLAR = re.compile(r"\$+|\\[()\[\]]")
_VOWELS = re.compile("[\u064b-\u0652]")
"""Marks that Arabic words may be written with or without."""
_BLANKS = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"[^\S\n]*\n\s*")
_BULLET_NUMBER = re.compile(r"\A\s*1[.)]\s+(?=\D)(?![\s\S]*^\s*2[.)]\s)", re.MULTILINE)


class Body(NamedTuple):
    """An answer taken apart; earlier fields speak louder than later ones."""

    tagged: tuple[str, ...]
    """What stands in `<answer>` tags or in a `\\boxed{}`."""
    json: tuple[object, ...]
    """The JSON values in the text; `loose_json.BROKEN` stands for one that is unreadable."""
    text: str
    """The rest, as plain lines."""
    after_json: str
    """The text behind the last JSON value."""


def failure(reason: str, text: str) -> ParseFailure:
    """A failure that quotes the beginning of a long text only."""
    return ParseFailure(reason=reason, text=text if len(text) <= LIMIT else text[:LIMIT] + "…")


def body_of(text: str) -> Body | ParseFailure:
    """Take an answer apart; a failure for no text, too much of it, or thinking without an end."""
    rest = _without_thinking(text)
    if rest is None:
        return failure("the answer ends while thinking", text)
    if len(rest) > LIMIT:
        return failure(f"an answer of {len(rest)} characters; at most {LIMIT} are read", text)
    rest = _VOWELS.sub("", unicodedata.normalize("NFKC", rest.translate(_STRAIGHT)))
    rest = _BOXED.sub(r"<answer>\1</answer>", _TEXT_COMMAND.sub(r"\1", rest))
    tagged, rest = _tagged(rest)
    values, plain, after = split_json(rest)
    plain, after = _plain(plain), _plain(after)
    if not (tagged or values or plain.strip()):
        return failure("the answer is empty", text)
    return Body(tuple(_plain_or_json(part) for part in tagged), values, plain, after)


def _without_thinking(text: str) -> str | None:
    end = -1
    for closing in _CLOSINGS:
        place = text.rfind(closing)
        if place >= 0:
            end = max(end, place + len(closing))
    rest = text[end:] if end >= 0 else text
    return None if any(opening in rest for opening in _OPENINGS) else rest


def _tagged(text: str) -> tuple[list[str], str]:
    """The contents of the answer tags, innermost first, and the text without them."""
    found: list[str] = []
    kept: list[str] = []
    for part in text.split("</answer>"):
        before, tag, inside = part.rpartition("<answer>")
        if tag:
            found.append(inside.strip())
        kept.append((before if tag else part).replace("<answer>", " "))
    return found, "\n".join(kept)


def _plain_or_json(part: str) -> str:
    return part if part.startswith(("{", "[", "```")) else _plain(part)


def _plain(text: str) -> str:
    """The text without markup and with single blanks: no pattern meets a long run of them."""
    bare = _BLANK_LINES.sub("\n", _BLANKS.sub(" ", _DOLLAR.sub("", text)))
    return _BULLET_NUMBER.sub("", _MARKUP.sub("", bare))
